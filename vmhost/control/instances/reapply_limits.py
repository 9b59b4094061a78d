"""Guests of an earlier run, fitted into hosts that may have another size now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.inventory import Inventory
from vmhost.drivers.base import Driver
from vmhost.model.instance import Instance
from vmhost.model.limits import Limits

_log = get_logger("cloud")


async def reapply_limits(
    driver: Driver, inventory: Inventory, instances: Mapping[str, Instance], *, deadline_s: float
) -> None:
    """Gives every known guest the limits that it has now. Raises when the guests cannot be listed; one that cannot be
    resized is logged."""
    async with deadline(deadline_s, "listing all guests"):
        guests = await driver.list_guests()
    async with asyncio.TaskGroup() as group:
        for guest in guests:
            instance = instances.get(guest.instance_id)
            if instance is not None and (limits := inventory.limits(instance)) is not None:
                group.create_task(_resize(driver, instance.id, limits, deadline_s))


async def _resize(driver: Driver, instance_id: str, limits: Limits, deadline_s: float) -> None:
    try:
        async with deadline(deadline_s, f"resizing {instance_id}"):
            await driver.resize(instance_id, limits)
    except CloudError as error:
        _log.warning("guest_not_resized", id=instance_id, error=error.message)
