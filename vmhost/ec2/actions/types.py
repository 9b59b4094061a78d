"""DescribeInstanceTypes: the catalogue's figures, as EC2 publishes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.base import Action, Answer, Context, Params
from vmhost.ec2.actions.instance_answer import cpu_options
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pages import PageRequest, paginate, parse_page
from vmhost.model.instance_type import InstanceType

_FIELDS: Mapping[str, Field[InstanceType]] = {
    "bare-metal": lambda t: ["false"],
    "burstable-performance-supported": lambda t: [_word(t.burstable)],
    "current-generation": lambda t: ["true"],
    "hypervisor": lambda t: [t.hypervisor],
    "instance-type": lambda t: [t.name],
    "memory-info.size-in-mib": lambda t: [str(t.memory_mib)],
    "processor-info.supported-architecture": lambda t: t.architectures,
    "supported-usage-class": lambda t: ["on-demand"],
    "supported-virtualization-type": lambda t: ["hvm"],
    "vcpu-info.default-vcpus": lambda t: [str(t.vcpus)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeQuery:
    """Which types, and which page of them."""

    names: tuple[str, ...]
    keep: Callable[[InstanceType], bool]
    page: PageRequest


def _check(context: Context, params: Params) -> TypeQuery:
    names = tuple(params.get("InstanceTypes", ()))
    known = {itype.name for itype in context.cloud.types()}
    if missing := [name[:40] for name in names if name not in known]:
        words = f"The following supplied instance types do not exist: [{', '.join(missing[:20])}]"
        raise InvalidInput(words, code="InvalidInstanceType")
    return TypeQuery(names=names, keep=parse_filters(params, _FIELDS), page=parse_page(params, low=5, high=100))


def _act(context: Context, query: TypeQuery) -> Answer:
    chosen = [t for t in context.cloud.types() if query.keep(t) and (not query.names or t.name in query.names)]
    page = paginate(chosen, query.page, lambda itype: itype.name)
    return {"InstanceTypes": [_answer(itype) for itype in page.items], "NextToken": page.next_token}


def _answer(itype: InstanceType) -> Answer:
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


def _network(itype: InstanceType) -> Answer:
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
        "EnaSupport": "unsupported",
        "EfaSupported": False,
    }


def _word(value: bool) -> str:
    return "true" if value else "false"


ACTIONS = (
    Action(
        name="DescribeInstanceTypes",
        takes=frozenset({"InstanceTypes", "Filters", "MaxResults", "NextToken"}),
        fixed={"IncludeUnsupportedInRegion": False},
        check=_check,
        act=_act,
    ),
)
