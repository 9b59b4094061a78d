"""Instances in EC2's response format, and their options that have one value here.

Members without a true value here are omitted. Responses show the options and requests may state them; names and shapes
are those of RunInstances and LaunchTemplateData."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmhost.control.instances.record import Instance, Reason
from vmhost.control.inventory import Inventory
from vmhost.ec2.actions.action import DEPENDS, ResponseData, check_supported, tag_list, utc_datetime
from vmhost.model.instance_type import InstanceType

PLATFORM = "Linux/UNIX"
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


def instance_response(instance: Instance, inventory: Inventory) -> ResponseData:
    """Convert an instance. Its type and its image may no longer be in the inventory."""
    itype, image = inventory.types.get(instance.type_name), inventory.images.get(instance.image_id)
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": state(instance),
        "PrivateDnsName": private_name(instance.address),
        "StateTransitionReason": transition_reason(instance),
        "AmiLaunchIndex": instance.launch_index,
        "InstanceType": instance.type_name,
        "KeyName": instance.key_name,
        "LaunchTime": utc_datetime(instance.launched_at),
        "Placement": {
            "AvailabilityZone": instance.zone,
            "AvailabilityZoneId": zone_id(instance.zone),
            "HostId": instance.host_id,
            **PLACEMENT,
        },
        "PrivateIpAddress": instance.address,
        "StateReason": {"Code": instance.reason.code, "Message": instance.reason.message} if instance.reason else None,
        "Architecture": image.architecture if image else None,
        "ClientToken": instance.client_token or "",
        "CpuOptions": cpu_options(itype) if itype else None,
        "Tags": tag_list(instance.tags),
        **_EVERY_INSTANCE,
    }


_EVERY_INSTANCE: ResponseData = {
    **{name: OPTIONS[name] for name in SHOWN},
    "MetadataOptions": {"State": "applied", **METADATA},
    "Monitoring": {"State": "disabled"},
    "PublicDnsName": "",
    "PlatformDetails": PLATFORM,
    "UsageOperation": "RunInstances",
    # EC2 returns "xen" for Nitro too ("Instance", API reference); DescribeInstanceTypes distinguishes them.
    "Hypervisor": "xen",
    "VirtualizationType": "hvm",
    # EC2 always returns these lists, and programs rely on them.
    "BlockDeviceMappings": [],
    "NetworkInterfaces": [],
    "ProductCodes": [],
    "SecurityGroups": [],
}


def zone_id(zone: str) -> str:
    """Return the zone's id, such as "use1-az1"."""
    return f"use1-az{ord(zone[-1]) - ord('a') + 1}"


def state(instance: Instance) -> ResponseData:
    """Return code and name of the instance's state."""
    return {"Code": instance.api_state.code, "Name": instance.api_state.value}


def private_name(address: str | None) -> str:
    """Return EC2's DNS name for an address, "ip-198-18-0-5.ec2.internal"; empty without one."""
    return f"ip-{address.replace('.', '-').replace(':', '-')}.ec2.internal" if address else ""


def transition_reason(instance: Instance) -> str:
    """Return the reason of the last state change in EC2's one-line form."""
    if instance.reason is None:
        return ""
    if instance.reason.code.startswith("Client.User"):
        return f"User initiated ({utc_datetime(instance.changed_at):%Y-%m-%d %H:%M:%S} GMT)"
    return instance.reason.message


def is_orderly(reason: Reason) -> bool:
    """Whether a call or the instance itself caused the change, not a failure."""
    return reason.code.startswith("Client.")


def check_type_options(where: str, stated: Mapping[str, Any], itype: InstanceType) -> None:
    """Raise Unsupported unless the stated BY_TYPE options have the values that are true of the type."""
    cpu = {**cpu_options(itype), "AmdSevSnp": "disabled", "NestedVirtualization": "disabled"}
    allowed = {"CpuOptions": cpu} | ({"CreditSpecification": {"CpuCredits": CPU_CREDITS}} if itype.burstable else {})
    check_supported(f"{where} of a {itype.name}", stated, (), allowed)


def cpu_options(itype: InstanceType) -> Mapping[str, int]:
    """Return cores and threads of a type: xen types have one thread per core here, nitro types two."""
    threads = 1 if itype.hypervisor == "xen" else 2
    return {"CoreCount": max(itype.vcpus // threads, 1), "ThreadsPerCore": min(threads, itype.vcpus)}
