"""Instance options that have one value here. Responses show it, and requests may state it.

Names and shapes are those of RunInstances and LaunchTemplateData."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmhost.ec2.actions.action import DEPENDS, check_supported
from vmhost.model.instance_type import InstanceType

METADATA: Mapping[str, Any] = {
    "HttpTokens": "optional",
    # The metadata service listens in the instance's own network namespace, so no response passes a router.
    "HttpPutResponseHopLimit": 1,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "enabled",
}
CPU_CREDITS = "unlimited"
"""A burstable instance may exceed its baseline at any time; there are no credits to use up."""
PLACEMENT: Mapping[str, Any] = {"GroupName": "", "Tenancy": "default"}
OPTIONS: Mapping[str, Any] = {
    "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
    "DisableApiStop": False,
    "DisableApiTermination": False,
    "EbsOptimized": False,
    "EnclaveOptions": {"Enabled": False},
    "HibernationOptions": {"Configured": False},
    "InstanceMarketOptions": {"MarketType": "on-demand"},
    "MaintenanceOptions": {"AutoRecovery": "default"},
    "MetadataOptions": METADATA,
    "Monitoring": {"Enabled": False},
    "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
    "PrivateDnsNameOptions": {
        "HostnameType": "ip-name",
        "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False,
    },
}
BY_TYPE: Mapping[str, Any] = {"CpuOptions": DEPENDS, "CreditSpecification": DEPENDS}
"""Options whose value depends on the instance type (`check_type_options`)."""
SHOWN = (
    "CapacityReservationSpecification",
    "EbsOptimized",
    "EnclaveOptions",
    "HibernationOptions",
    "MaintenanceOptions",
    "NetworkPerformanceOptions",
    "PrivateDnsNameOptions",
)
"""Options that DescribeInstances shows with the same name and shape."""


def check_type_options(where: str, stated: Mapping[str, Any], itype: InstanceType) -> None:
    """Raise Unsupported unless the stated BY_TYPE options have the values that are true of the type."""
    cpu = {**cpu_options(itype), "AmdSevSnp": "disabled", "NestedVirtualization": "disabled"}
    allowed = {"CpuOptions": cpu} | ({"CreditSpecification": {"CpuCredits": CPU_CREDITS}} if itype.burstable else {})
    check_supported(f"{where} of a {itype.name}", stated, (), allowed)


def cpu_options(itype: InstanceType) -> Mapping[str, int]:
    """Return cores and threads of a type: xen types have one thread per core here, nitro types two."""
    threads = 1 if itype.hypervisor == "xen" else 2
    return {"CoreCount": max(itype.vcpus // threads, 1), "ThreadsPerCore": min(threads, itype.vcpus)}
