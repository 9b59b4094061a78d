"""The catalogue: images, instance types, the one region, and its zones (one for each host)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.ec2.actions.action import Context, Params, ResponseData
from vmhost.ec2.actions.describe import Field, describe
from vmhost.ec2.actions.instance_response import PLATFORM, cpu_options, zone_id
from vmhost.model.image import Image, check_image_id
from vmhost.model.instance_type import InstanceType
from vmhost.model.region import ACCOUNT_ID

_OWN_NAMES = frozenset({"self", ACCOUNT_ID})
_IMAGE_FIELDS: Mapping[str, Field] = {
    "architecture": "Architecture",
    "creation-date": "CreationDate",
    "description": "Description",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "manifest-location": "ImageLocation",
    "name": "Name",
    "owner-id": "OwnerId",
    "state": "State",
    "virtualization-type": "VirtualizationType",
}
_TYPE_FIELDS: Mapping[str, Field] = {
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
_REGION_FIELDS: Mapping[str, Field] = {
    "endpoint": "Endpoint",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
}
_ZONE_FIELDS: Mapping[str, Field] = {
    "group-name": "GroupName",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


def _images(context: Context, params: Params) -> Iterator[ResponseData]:
    ids = tuple(params.get("ImageIds", ()))
    known = context.cloud.images
    for image_id in ids:
        check_image_id(image_id)
        if image_id not in known:
            raise NotFound(f"The image id '[{image_id}]' does not exist", code="InvalidAMIID.NotFound")
    owners, users = params.get("Owners", ()), params.get("ExecutableUsers", ())
    ours = (not owners or _OWN_NAMES & set(owners)) and (not users or {"all", "self"} & set(users))
    images = context.cloud.images.values() if ours else ()
    return (_image(image) for image in images if not ids or image.id in ids)


def _image(image: Image) -> ResponseData:
    return {
        "ImageId": image.id,
        "ImageLocation": f"{ACCOUNT_ID}/{image.name}",
        "State": "available",
        "OwnerId": ACCOUNT_ID,
        "CreationDate": image.created,
        "Public": True,
        "Architecture": image.architecture,
        "ImageType": "machine",
        "Description": image.description,
        "Hypervisor": "xen",
        "Name": image.name,
        "PlatformDetails": PLATFORM,
        "UsageOperation": "RunInstances",
        # EC2 always returns this list, and programs rely on it.
        "BlockDeviceMappings": [],
        "VirtualizationType": "hvm",
    }


def _types(context: Context, params: Params) -> Iterator[ResponseData]:
    names, types = params.get("InstanceTypes", ()), context.cloud.types.types
    known = {itype.name for itype in types}
    if missing := [name[:40] for name in names if name not in known]:
        words = f"The instance types [{', '.join(missing[:20])}] are not in the catalogue here"
        raise InvalidInput(words, code="InvalidInstanceType")
    return (_type(itype) for itype in types if not names or itype.name in names)


def _type(itype: InstanceType) -> ResponseData:
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


def _regions(context: Context, params: Params) -> list[ResponseData]:
    region = context.cloud.region
    for name in params.get("RegionNames", ()):
        if name != region:
            raise InvalidInput(f"region '{name[:40]}' is not provided here; the only one is {region}")
    return [{"RegionName": region, "Endpoint": context.endpoint, "OptInStatus": "opt-in-not-required"}]


def _zones(context: Context, params: Params) -> list[ResponseData]:
    zones = {name: zone_id(name) for name in sorted({host.zone for host in context.cloud.hosts.hosts()})}
    requested = {*params.get("ZoneNames", ()), *params.get("ZoneIds", ())}
    if missing := requested - {*zones, *zones.values()}:
        names = ", ".join(sorted({*zones, *zones.values()}))
        raise InvalidInput(f"availability zone '{min(missing)[:40]}' is not provided here; zones are {names}")
    region = context.cloud.region
    return [
        {
            "OptInStatus": "opt-in-not-required",
            "Messages": [],
            "RegionName": region,
            "ZoneName": name,
            "ZoneId": number,
            "GroupName": region,
            "NetworkBorderGroup": region,
            "ZoneType": "availability-zone",
            "State": "available",
        }
        for name, number in zones.items()
        if not requested or {name, number} & requested
    ]


ACTIONS = (
    describe(
        "DescribeImages",
        items=_images,
        response="Images",
        key=itemgetter("ImageId"),
        fields=_IMAGE_FIELDS,
        supported=frozenset({"ExecutableUsers", "ImageIds", "Owners"}),
        # No image here is deprecated or disabled.
        without_effect=frozenset({"IncludeDeprecated", "IncludeDisabled"}),
    ),
    describe(
        "DescribeInstanceTypes",
        items=_types,
        response="InstanceTypes",
        key=itemgetter("InstanceType"),
        fields=_TYPE_FIELDS,
        pages=(5, 100),
        supported=frozenset({"InstanceTypes"}),
        fixed={"IncludeUnsupportedInRegion": False},
    ),
    describe(
        "DescribeRegions",
        items=_regions,
        response="Regions",
        key=itemgetter("RegionName"),
        fields=_REGION_FIELDS,
        pages=None,
        supported=frozenset({"RegionNames"}),
        # The only region and its zones are always enabled.
        without_effect=frozenset({"AllRegions"}),
    ),
    describe(
        "DescribeAvailabilityZones",
        items=_zones,
        response="AvailabilityZones",
        key=itemgetter("ZoneName"),
        fields=_ZONE_FIELDS,
        pages=None,
        supported=frozenset({"ZoneIds", "ZoneNames"}),
        without_effect=frozenset({"AllAvailabilityZones"}),
    ),
)
