"""Instances in EC2's response format. Members without a true value here are omitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.control.cloud import Cloud
from vmhost.control.instances.record import Instance, Reason
from vmhost.ec2.actions import fixed_options
from vmhost.ec2.actions.action import ResponseData, tag_list, utc_datetime
from vmhost.model.image import Image
from vmhost.model.instance_type import InstanceType

PLATFORM = "Linux/UNIX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The types and images that responses show, looked up once for all instances."""

    types: Mapping[str, InstanceType]
    images: Mapping[str, Image]

    @classmethod
    def of(cls, cloud: Cloud) -> Catalogue:
        """Read the cloud's types and images."""
        return cls(types={t.name: t for t in cloud.types.types}, images=cloud.images)


def instance_response(instance: Instance, catalogue: Catalogue) -> ResponseData:
    """Convert an instance."""
    itype = catalogue.types.get(instance.type_name)
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": state(instance),
        "PrivateDnsName": private_name(instance.address),
        "StateTransitionReason": transition_reason(instance),
        "AmiLaunchIndex": instance.launch_index,
        "InstanceType": instance.type_name,
        "LaunchTime": utc_datetime(instance.launched_at),
        "Placement": {
            "AvailabilityZone": instance.zone,
            "AvailabilityZoneId": zone_id(instance.zone),
            "HostId": instance.host_id,
            **fixed_options.PLACEMENT,
        },
        "PrivateIpAddress": instance.address,
        "StateReason": {"Code": instance.reason.code, "Message": instance.reason.message} if instance.reason else None,
        "Architecture": architecture(instance, catalogue),
        "ClientToken": instance.client_token or "",
        "CpuOptions": fixed_options.cpu_options(itype) if itype else None,
        "Tags": tag_list(instance.tags),
        **_EVERY_INSTANCE,
    }


_EVERY_INSTANCE: ResponseData = {
    **{name: fixed_options.OPTIONS[name] for name in fixed_options.SHOWN},
    "MetadataOptions": {"State": "applied", **fixed_options.METADATA},
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


def architecture(instance: Instance, catalogue: Catalogue) -> str | None:
    """Return the image's architecture, or None if it is no longer in the catalogue."""
    image = catalogue.images.get(instance.image_id)
    return image.architecture if image else None


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
