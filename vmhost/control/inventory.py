"""The hosts, instance types and images that instances can be launched on and from. Pure; fixed after the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.control.placement import HostRoom, limits_of, overcommitted, use_of
from vmhost.model.guest import Capabilities, GuestSpec
from vmhost.model.host import Host
from vmhost.model.image import Image, check_image_id
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits

_ALLOCATED = frozenset(InstanceState) - {InstanceState.STOPPED, InstanceState.TERMINATED}


def is_allocated(instance: Instance) -> bool:
    """Return whether the instance takes capacity of its host now."""
    return instance.state in _ALLOCATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The hosts and catalogues of one cloud."""

    hosts: tuple[Host, ...]
    """With their real size; `overcommit` times that may be allocated. Those of the first driver come first."""
    overcommit: float
    types: Mapping[str, InstanceType]
    images: Mapping[str, Image]
    capabilities: Mapping[str, Capabilities]
    """By driver."""

    def type_named(self, name: str) -> InstanceType:
        """Return the instance type. Raises InvalidInput if the catalogue does not have it."""
        try:
            return self.types[name]
        except KeyError:
            families = ", ".join(sorted({each.family for each in self.types.values()}))
            raise InvalidInput(
                f"instance type '{name[:40]}' is not in the catalogue here; there are sizes of {families}"
            ) from None

    def image(self, image_id: str) -> Image:
        """Return the image. Raises NotFound, or InvalidInput for one that no driver here can boot."""
        image = self.images.get(image_id)
        if image is None:
            check_image_id(image_id)
            known = ", ".join(sorted(self.images)) or "none"
            message = f"The image id '[{image_id}]' does not exist; the catalogue has {known}"
            raise NotFound(message, code="InvalidAMIID.NotFound")
        if not self.can_boot(image):
            known, here = ", ".join(sorted(image.boots)) or "no driver", " or ".join(self.capabilities)
            message = f"image {image_id} ({image.name}) boots with {known}, not with the {here} driver"
            raise InvalidInput(message, code="InvalidAMIID.Unavailable")
        return image

    def can_boot(self, image: Image) -> bool:
        """Return whether a driver here can boot the image."""
        return any(driver in image.boots for driver in self.capabilities)

    def host(self, instance: Instance) -> Host | None:
        """Return the host of the instance; None if it no longer exists."""
        return next((host for host in self.hosts if host.id == instance.host_id), None)

    def rooms(self, instances: Iterable[Instance]) -> tuple[HostRoom, ...]:
        """Return each host with its capacity and what these instances take of it."""
        placed: dict[str, list[InstanceType]] = {host.id: [] for host in self.hosts}
        for instance in instances:
            itype = self.types.get(instance.type_name)
            if is_allocated(instance) and itype and instance.host_id in placed:
                placed[instance.host_id].append(itype)
        return tuple(
            HostRoom(host=overcommitted(host, self.overcommit), use=use_of(placed[host.id])) for host in self.hosts
        )

    def limits(self, instance: Instance) -> Limits | None:
        """Return the limits of the instance; None if its type or host no longer exists."""
        itype, host = self.types.get(instance.type_name), self.host(instance)
        image = self.images.get(instance.image_id)
        return limits_of(itype, host, disk_gib=image.root_gib if image else 1) if itype and host else None

    def web_port(self, instance: Instance) -> int | None:
        """Return the port at which a browser on this computer reaches the instance's program; None if it cannot."""
        image, host = self.images.get(instance.image_id), self.host(instance)
        boot = image.boots.get(host.driver) if image and host else None
        if host is None or boot is None or not self.capabilities[host.driver].addresses_reachable:
            return None
        return instance.port or boot.port

    def spec(self, instance: Instance) -> GuestSpec:
        """Return what a driver needs to create the guest. Raises NotFound if its image, type or host is gone."""
        image, limits, host = self.image(instance.image_id), self.limits(instance), self.host(instance)
        if limits is None or host is None:
            raise NotFound(
                f"instance {instance.id} needs the type {instance.type_name} and the host {instance.host_id}; "
                "one of them does not exist any more"
            )
        return GuestSpec(
            instance_id=instance.id,
            host_id=instance.host_id,
            boot=image.boots[host.driver],
            limits=limits,
            record=msgspec.json.encode(instance).decode(),
        )
