"""How much of each host is allocated, and which instance types still fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace

from vmhost.api.views import HostView, LimitsView, RoomView, TypesView, TypeView
from vmhost.control.instances.record import INSTANCES, Instance
from vmhost.control.inventory import is_allocated
from vmhost.control.placement import HostRoom, limits_of
from vmhost.control.service_context import ServiceContext
from vmhost.model.guest import Capability
from vmhost.model.instance_type import InstanceType, TypeCatalogue
from vmhost.model.limits import Limits


class HostUsage:
    """The allocation of the hosts. Publishes each host whose allocation changed."""

    def __init__(self, context: ServiceContext, publish: Callable[[HostView], None]) -> None:
        self._inventory = context.inventory
        self._instances = context.resources.table(INSTANCES)
        self._isolation = {name: each.of("host") for name, each in context.inventory.capabilities.items()}
        self._publish = publish
        self._published = frozenset(self.hosts())
        self._check_is_due = False
        self._instances.listen(self._on_change)

    def rooms(self) -> tuple[HostRoom, ...]:
        """Return the capacity of each host and what is allocated of it."""
        return self._inventory.rooms(self._instances)

    def hosts(self) -> tuple[HostView, ...]:
        """Return the hosts as clients see them: capacity (overcommit included) and allocation."""
        return tuple(_host_view(room, self._isolation[room.host.driver]) for room in self.rooms())

    def types(self, catalogue: TypeCatalogue) -> TypesView:
        """Return each instance type with its limits on the largest host, and how many more each host has room for."""
        rooms, images = self.rooms(), self._inventory.images.values()
        disk_gib = min((image.root_gib for image in images if self._inventory.can_boot(image)), default=1)
        host = max(self._inventory.hosts, key=lambda each: each.ceiling_cores)
        return TypesView(
            as_of=catalogue.as_of,
            region=catalogue.region,
            types=tuple(
                _type_view(itype, replace(limits_of(itype, host, disk_gib=disk_gib), cpus=()), rooms)
                for itype in catalogue.types
            ),
        )

    def _on_change(self, changed: Instance, former: Instance | None) -> None:
        """Check once after all changes of this turn of the event loop."""
        same = former and (is_allocated(former), former.type_name) == (is_allocated(changed), changed.type_name)
        if not same and not self._check_is_due:
            self._check_is_due = True
            asyncio.get_running_loop().call_soon(self._publish_changes)

    def _publish_changes(self) -> None:
        self._check_is_due = False
        hosts = self.hosts()
        for host in hosts:
            if host not in self._published:
                self._publish(host)
        self._published = frozenset(hosts)


def _host_view(room: HostRoom, isolation: Capability) -> HostView:
    return HostView(
        id=room.host.id,
        zone=room.host.zone,
        driver=room.host.driver,
        cpu_cores=room.host.cpu_cores,
        memory_mib=room.host.memory_mib,
        cpu_used=room.use.cpu_cores,
        memory_used_mib=room.use.memory_mib,
        enforced=isolation.enforced,
        why=isolation.why,
        cpus=room.host.cpus,
        shared=room.host.shared,
    )


def _type_view(itype: InstanceType, limits: Limits, rooms: tuple[HostRoom, ...]) -> TypeView:
    return TypeView(
        name=itype.name,
        vcpus=itype.vcpus,
        memory_mib=itype.memory_mib,
        price_usd_hour=itype.price_usd_hour,
        baseline_percent=itype.baseline_percent,
        limits=LimitsView(**asdict(limits)),
        rooms=tuple(RoomView(host=room.host.id, fits=room.how_many(itype), why=room.shortage(itype)) for room in rooms),
    )
