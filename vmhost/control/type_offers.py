"""What can be launched: each instance type with what it gets on this machine, and where there is room for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from vmhost.api.views import LimitsView, RoomView, TypesView, TypeView
from vmhost.control.inventory import Inventory
from vmhost.control.placement import Room
from vmhost.control.sizing import limits_of
from vmhost.model.instance_type import InstanceType, TypeCatalogue


def offers(catalogue: TypeCatalogue, inventory: Inventory, rooms: Sequence[Room]) -> TypesView:
    """The catalogue as it stands with these rooms."""
    disk_gib = min(
        (image.root_gib for image in inventory.images.values() if inventory.driver in image.boots), default=1
    )
    return TypesView(
        as_of=catalogue.as_of,
        region=catalogue.region,
        types=tuple(_offer(kind, inventory, rooms, disk_gib) for kind in catalogue.types),
    )


def _offer(kind: InstanceType, inventory: Inventory, rooms: Sequence[Room], disk_gib: int) -> TypeView:
    # All hosts are equal shares of one machine, so the limits are the same on each, except for which CPUs they are.
    limits = replace(limits_of(kind, inventory.hosts[0], disk_gib=disk_gib), cpus=())
    return TypeView(
        name=kind.name,
        vcpus=kind.vcpus,
        memory_mib=kind.memory_mib,
        price_usd_hour=kind.price_usd_hour,
        baseline_percent=kind.baseline_percent,
        limits=LimitsView(**asdict(limits)),
        rooms=tuple(RoomView(host=room.host.id, fits=room.how_many(kind), why=room.lacks(kind)) for room in rooms),
    )
