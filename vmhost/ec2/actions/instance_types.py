"""DescribeInstanceTypes: the catalogue, in EC2's response format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.actions.fixed_options import cpu_options
from vmhost.ec2.filters import Field, Keep, parse_filters
from vmhost.ec2.pagination import PageRequest, paginate, parse_page
from vmhost.model.instance_type import InstanceType

_FIELDS: Mapping[str, Field] = {
    "auto-recovery-supported": "AutoRecoverySupported",
    "bare-metal": "BareMetal",
    "burstable-performance-supported": "BurstablePerformanceSupported",
    "current-generation": "CurrentGeneration",
    "dedicated-hosts-supported": "DedicatedHostsSupported",
    "hibernation-supported": "HibernationSupported",
    "hypervisor": "Hypervisor",
    "instance-storage-supported": "InstanceStorageSupported",
    "instance-type": "InstanceType",
    "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
    "network-info.efa-supported": "NetworkInfo.EfaSupported",
    "network-info.ena-support": "NetworkInfo.EnaSupport",
    "network-info.ipv4-addresses-per-interface": "NetworkInfo.Ipv4AddressesPerInterface",
    "network-info.ipv6-addresses-per-interface": "NetworkInfo.Ipv6AddressesPerInterface",
    "network-info.ipv6-supported": "NetworkInfo.Ipv6Supported",
    "network-info.maximum-network-cards": "NetworkInfo.MaximumNetworkCards",
    "network-info.maximum-network-interfaces": "NetworkInfo.MaximumNetworkInterfaces",
    "network-info.network-performance": "NetworkInfo.NetworkPerformance",
    "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
    "supported-usage-class": "SupportedUsageClasses",
    "supported-virtualization-type": "SupportedVirtualizationTypes",
    "vcpu-info.default-cores": "VCpuInfo.DefaultCores",
    "vcpu-info.default-threads-per-core": "VCpuInfo.DefaultThreadsPerCore",
    "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeQuery:
    """Which types, and which page of them."""

    names: tuple[str, ...]
    keep: Keep
    page: PageRequest


def _check(context: Context, params: Params) -> TypeQuery:
    names = tuple(params.get("InstanceTypes", ()))
    known = {itype.name for itype in context.cloud.types.types}
    if missing := [name[:40] for name in names if name not in known]:
        words = f"The instance types [{', '.join(missing[:20])}] are not in the catalogue here"
        raise InvalidInput(words, code="InvalidInstanceType")
    return TypeQuery(names=names, keep=parse_filters(params, _FIELDS), page=parse_page(params, low=5, high=100))


def _act(context: Context, query: TypeQuery) -> ResponseData:
    chosen = (_response(t) for t in context.cloud.types.types if not query.names or t.name in query.names)
    page = paginate(filter(query.keep, chosen), query.page, lambda shown: shown["InstanceType"])
    return {"InstanceTypes": list(page.items), "NextToken": page.next_token}


def _response(itype: InstanceType) -> ResponseData:
    options = cpu_options(itype)
    return {
        "InstanceType": itype.name,
        "CurrentGeneration": True,
        "SupportedUsageClasses": ["on-demand"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": False,
        "Hypervisor": itype.hypervisor,
        "ProcessorInfo": {"SupportedArchitectures": list(itype.architectures)},
        "VCpuInfo": {
            "DefaultVCpus": itype.vcpus,
            "DefaultCores": options["CoreCount"],
            "DefaultThreadsPerCore": options["ThreadsPerCore"],
        },
        "MemoryInfo": {"SizeInMiB": itype.memory_mib},
        "InstanceStorageSupported": False,
        "NetworkInfo": _network(itype),
        "HibernationSupported": False,
        "BurstablePerformanceSupported": itype.burstable,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": False,
    }


def _network(itype: InstanceType) -> ResponseData:
    peak = itype.network_burst_mbps / 1000
    up_to = "Up to " if itype.network_burst_mbps > itype.network_baseline_mbps else ""
    words = itype.network_words or f"{up_to}{peak:g} Gigabit"
    card = {
        "NetworkCardIndex": 0,
        "NetworkPerformance": words,
        "MaximumNetworkInterfaces": 1,
        "BaselineBandwidthInGbps": itype.network_baseline_mbps / 1000,
        "PeakBandwidthInGbps": peak,
    }
    return {
        "NetworkPerformance": words,
        "MaximumNetworkInterfaces": 1,
        "MaximumNetworkCards": 1,
        "DefaultNetworkCardIndex": 0,
        "NetworkCards": [card],
        "Ipv4AddressesPerInterface": 1,
        "Ipv6AddressesPerInterface": 0,
        "Ipv6Supported": False,
        # As EC2 documents: Nitro types require the adapter, T2 types do not have it.
        "EnaSupport": "required" if itype.hypervisor == "nitro" else "unsupported",
        "EfaSupported": False,
    }


ACTIONS = (
    Action(
        name="DescribeInstanceTypes",
        supported=frozenset({"InstanceTypes", "Filters", "MaxResults", "NextToken"}),
        fixed={"IncludeUnsupportedInRegion": False},
        check=_check,
        act=_act,
    ),
)
