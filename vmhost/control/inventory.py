"""What there is to launch on and from: hosts, overcommit, instance types, images. Fixed once the driver is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.placement import Room
from vmhost.control.sizing import limits_of, promise, use_of
from vmhost.control.view_conversion import HostView
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.image import Image, check_image_id
from vmhost.model.instance import Instance, InstanceState
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits
from vmhost.store.codec import dump

_HOLDING = frozenset(InstanceState) - {InstanceState.STOPPED, InstanceState.TERMINATED}
"""States in which an instance keeps its place on its host."""


def holds(instance: Instance) -> bool:
    """Whether the instance has its host's promise now."""
    return instance.state in _HOLDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The ground that instances stand on. Pure lookups and sums."""

    driver: str
    hosts: tuple[Host, ...]
    """As large as they are; promises are `overcommit` times that."""
    overcommit: float
    types: Mapping[str, InstanceType]
    images: Mapping[str, Image]
    wall: Capability
    """Whether a wall stands round each host."""

    def kind(self, type_name: str) -> InstanceType:
        """The instance type. Raises InvalidInput for one that the catalogue lacks."""
        try:
            return self.types[type_name]
        except KeyError:
            families = ", ".join(sorted({kind.family for kind in self.types.values()}))
            raise InvalidInput(
                f"instance type '{type_name[:40]}' is not in the catalogue here; there are sizes of {families}"
            ) from None

    def image(self, image_id: str) -> Image:
        """The image. Raises NotFound, or InvalidInput for one that this driver cannot boot."""
        image = self.images.get(image_id)
        if image is None:
            check_image_id(image_id)
            known = ", ".join(sorted(self.images)) or "none"
            message = f"The image id '[{image_id}]' does not exist; the catalogue has {known}"
            raise NotFound(message, code="InvalidAMIID.NotFound")
        if self.driver not in image.boots:
            known = ", ".join(sorted(image.boots)) or "no driver"
            message = f"image {image_id} ({image.name}) boots with {known}; expected {self.driver}"
            raise InvalidInput(message, code="InvalidAMIID.Unavailable")
        return image

    def rooms(self, instances: Iterable[Instance]) -> tuple[Room, ...]:
        """Each host's promise and what of it these instances hold."""
        held: dict[str, list[InstanceType]] = {host.id: [] for host in self.hosts}
        for instance in instances:
            kind = self.types.get(instance.type_name)
            if holds(instance) and kind and instance.host_id in held:
                held[instance.host_id].append(kind)
        return tuple(Room(host=promise(host, self.overcommit), use=use_of(held[host.id])) for host in self.hosts)

    def views(self, instances: Iterable[Instance]) -> tuple[HostView, ...]:
        """The hosts as reads see them."""
        return tuple(
            HostView(host=room.host, used=room.use, enforced=self.wall.enforced, why_not=self.wall.why)
            for room in self.rooms(instances)
        )

    def limits(self, instance: Instance) -> Limits | None:
        """What the instance gets; None when its type or host is no longer there."""
        kind = self.types.get(instance.type_name)
        host = next((host for host in self.hosts if host.id == instance.host_id), None)
        image = self.images.get(instance.image_id)
        return limits_of(kind, host, disk_gib=image.root_gib if image else 1) if kind and host else None

    def spec(self, instance: Instance) -> GuestSpec:
        """How to make the guest. Raises NotFound when its image, type or host is no longer there."""
        image, limits = self.image(instance.image_id), self.limits(instance)
        if limits is None:
            raise NotFound(f"instance {instance.id} is a {instance.type_name} on {instance.host_id}; that is not here")
        return GuestSpec(
            instance_id=instance.id,
            host_id=instance.host_id,
            boot=image.boots[self.driver],
            limits=limits,
            record=dump(instance),
        )
