"""Give the guests of an earlier run the limits of today's hosts, which may have another size."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances.record import Instance
from vmhost.control.inventory import Inventory
from vmhost.drivers.ports import Driver
from vmhost.model.limits import Limits

_log = get_logger("cloud")


async def reapply_limits(
    driver: Driver, inventory: Inventory, instances: Iterable[Instance], *, clock: Clock, timeout_s: float
) -> None:
    """Resize every known guest. Raises when the guests cannot be listed; a guest that cannot be resized is logged."""
    async with deadline(clock, timeout_s, "listing all guests"):
        existing = {guest.instance_id for guest in await driver.instances.list()}
    async with asyncio.TaskGroup() as group:
        for instance in instances:
            if instance.id in existing and (limits := inventory.limits(instance)) is not None:
                group.create_task(_resize(driver, instance.id, limits, clock, timeout_s))


async def _resize(driver: Driver, instance_id: str, limits: Limits, clock: Clock, timeout_s: float) -> None:
    try:
        async with deadline(clock, timeout_s, f"resizing {instance_id}"):
            await driver.instances.resize(instance_id, limits)
    except CloudError as error:
        _log.warning("guest_not_resized", id=instance_id, error=error.message)
