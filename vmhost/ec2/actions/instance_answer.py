"""An instance as EC2's answers show it: only what is so. Members that we have no truth for yet are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.control.cloud import Cloud
from vmhost.control.instances.record import Instance, Reason
from vmhost.ec2.actions import fixed_options
from vmhost.ec2.actions.base import Answer, moment, tag_list
from vmhost.model.image import Image
from vmhost.model.instance_type import InstanceType

PLATFORM = "Linux/UNIX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What an instance's answer needs from elsewhere, looked up once for all of them."""

    types: Mapping[str, InstanceType]
    images: Mapping[str, Image]

    @classmethod
    def of(cls, cloud: Cloud) -> Catalogue:
        """The cloud's types by name and images by id."""
        return cls(types={t.name: t for t in cloud.types.types}, images=cloud.images)


def instance_answer(instance: Instance, catalogue: Catalogue) -> Answer:
    """The instance by the model's member names."""
    itype = catalogue.types.get(instance.type_name)
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": state(instance),
        "PrivateDnsName": private_name(instance.address),
        "StateTransitionReason": transition_reason(instance),
        "AmiLaunchIndex": instance.launch_index,
        "InstanceType": instance.type_name,
        "LaunchTime": moment(instance.launched_at),
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


_EVERY_INSTANCE: Answer = {
    **{name: fixed_options.OPTIONS[name] for name in fixed_options.SHOWN},
    "MetadataOptions": {"State": "applied", **fixed_options.METADATA},
    "Monitoring": {"State": "disabled"},
    "PublicDnsName": "",
    "PlatformDetails": PLATFORM,
    "UsageOperation": "RunInstances",
    # EC2 says "xen" here for Nitro too ("Instance", API reference); DescribeInstanceTypes tells them apart.
    "Hypervisor": "xen",
    "VirtualizationType": "hvm",
    # Lists that EC2 always has, and programs read without a look.
    "BlockDeviceMappings": [],
    "NetworkInterfaces": [],
    "ProductCodes": [],
    "SecurityGroups": [],
}


def zone_id(zone: str) -> str:
    """EC2's name for a zone that is the same in each account, such as "use1-az1"."""
    return f"use1-az{ord(zone[-1]) - ord('a') + 1}"


def state(instance: Instance) -> Answer:
    """Number and name of its state."""
    return {"Code": instance.state.code, "Name": instance.state.value}


def architecture(instance: Instance, catalogue: Catalogue) -> str | None:
    """The image's architecture, where the image is still in the catalogue."""
    image = catalogue.images.get(instance.image_id)
    return image.architecture if image else None


def private_name(address: str | None) -> str:
    """EC2's name for an address: "ip-198-18-0-5.ec2.internal"; empty while there is none."""
    return f"ip-{address.replace('.', '-').replace(':', '-')}.ec2.internal" if address else ""


def transition_reason(instance: Instance) -> str:
    """EC2's one-line form of the reason."""
    if instance.reason is None:
        return ""
    if instance.reason.code.startswith("Client.User"):
        return f"User initiated ({moment(instance.changed_at):%Y-%m-%d %H:%M:%S} GMT)"
    return instance.reason.message


def orderly(reason: Reason) -> bool:
    """Whether a call or the guest itself made it so, not a failure."""
    return reason.code.startswith("Client.")
