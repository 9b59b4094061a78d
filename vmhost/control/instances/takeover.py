"""Take over the guests of an earlier run: adopt those without a record, and give all of them today's limits.

An emptied store must not cause the removal of a whole cloud; and today's hosts may have another size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from vmhost.base.errors import CloudError, Conflict
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.fleets.record import FLEETS
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Wanted
from vmhost.control.resources import Resources
from vmhost.control.service_context import ServiceContext
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_NAMED_MAX = 5
_log = get_logger("cloud")


def check_drivers(instances: Iterable[Instance], driver: str) -> None:
    """Raise Conflict if there are instances of a driver that the cloud does not have now: it could not reach them."""
    names = driver.split(",")
    present = (each for each in instances if each.state is not InstanceState.TERMINATED)
    if lost := [each for each in present if each.driver not in ("", *names)]:
        missing = list(dict.fromkeys(each.driver for each in lost))
        ids = ", ".join(each.id for each in lost[:_NAMED_MAX]) + (", …" if len(lost) > _NAMED_MAX else "")
        raise Conflict(
            f"there are instances of the {' and '.join(missing)} driver, which was not named: {ids}; start it with "
            f"--driver {','.join([*names, *missing])}, or remove everything of it with --sweep"
        )


def rename_hosts(resources: Resources, guests: Iterable[GuestStatus], hosts: Sequence[Host]) -> None:
    """Give instances today's names of their hosts: a driver's "host-a" is called "process-a" beside another driver."""
    drivers = {guest.instance_id: guest.driver for guest in guests}
    only = hosts[0].driver if len({host.driver for host in hosts}) == 1 else ""
    names = {(host.driver, _letters(host.id)): host.id for host in hosts}
    changed = []
    for each in resources.table(INSTANCES):
        driver = each.driver or drivers.get(each.id) or only
        host_id = names.get((driver, _letters(each.host_id)), each.host_id)
        if each.state is not InstanceState.TERMINATED and (driver, host_id) != (each.driver, each.host_id):
            changed.append(replace(each, driver=driver, host_id=host_id))
    resources.commit(changed)


def _letters(host_id: str) -> str:
    return host_id.rpartition("-")[2]


def adopt_guests(resources: Resources, guests: Iterable[GuestStatus], *, adopt: bool) -> None:
    """With `adopt`, record every guest without a record, from the copy of its record that it carries.

    Raises Conflict, changing nothing, if a guest carries no copy, or if there is no record of any instance."""
    instances, fleets = resources.table(INSTANCES), resources.table(FLEETS)
    unknown = [guest for guest in guests if guest.instance_id not in instances]
    if not unknown or (len(instances) and not adopt):
        return
    if not adopt:
        count = "1 instance exists" if len(unknown) == 1 else f"{len(unknown)} instances exist"
        raise Conflict(
            f"{count}, but no instance is on record: the state was lost or emptied; keep them with --adopt, or remove "
            "them with --sweep"
        )
    adopted = [_adopted(guest) for guest in unknown]
    resources.commit([each if each.fleet_id in fleets else replace(each, fleet_id=None) for each in adopted])
    _log.warning("instances_adopted", instances=[each.id for each in adopted])


def _adopted(guest: GuestStatus) -> Instance:
    """Return the record of the guest. Raises Conflict if the guest carries no copy of it."""
    try:
        launched = msgspec.json.decode(guest.record, type=Instance)
    except msgspec.DecodeError:
        raise Conflict(
            f"instance {guest.instance_id} carries no record of its launch and cannot be adopted; "
            "remove what is there with --sweep, or choose another name with --cloud"
        ) from None
    runs = guest.phase is GuestPhase.RUNNING
    endpoint = guest.endpoint if runs else None
    return replace(
        launched,
        id=guest.instance_id,
        state=InstanceState.RUNNING if runs else InstanceState.STOPPED,
        wanted=Wanted.RUNNING if runs else Wanted.STOPPED,
        generation=launched.generation + 1,
        address=endpoint.address if endpoint else None,
        port=endpoint.port if endpoint else None,
        boots=max(1, launched.boots),
    )


async def reapply_limits(context: ServiceContext) -> None:
    """Resize every known guest. Raises when the guests cannot be listed; a guest that cannot be resized is logged."""
    async with deadline(context.clock, context.timeouts.measure_s, "listing all guests"):
        existing = {guest.instance_id for guest in await context.driver.instances.list()}
    async with asyncio.TaskGroup() as group:
        for instance in context.resources.table(INSTANCES):
            if instance.id in existing and (limits := context.inventory.limits(instance)) is not None:
                group.create_task(_resize(context, instance.id, limits))


async def _resize(context: ServiceContext, instance_id: str, limits: Limits) -> None:
    try:
        async with deadline(context.clock, context.timeouts.measure_s, f"resizing {instance_id}"):
            await context.driver.instances.resize(instance_id, limits)
    except CloudError as error:
        _log.warning("guest_not_resized", id=instance_id, error=error.message)
