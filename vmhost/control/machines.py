"""All machines: a task for each, the driver's events to the one they are about, and a slow look at everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.crew import Crew
from vmhost.control.machine import Machine, admitted
from vmhost.control.pace import Pace
from vmhost.control.records import Records
from vmhost.control.within import within
from vmhost.drivers.base import Driver
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, StateChange
from vmhost.model.lifecycle import Event

_AT_ONCE = 16
_SETTLED = {InstanceState.RUNNING: GuestPhase.RUNNING, InstanceState.STOPPED: GuestPhase.STOPPED}
_log = get_logger("machines")


class Machines:
    """The set of machines of one cloud."""

    def __init__(
        self, *, records: Records, driver: Driver, crew: Crew, pace: Pace, make: Callable[[str], Machine]
    ) -> None:
        self._records = records
        self._driver = driver
        self._crew = crew
        self._pace = pace
        self._make = make
        self._machines: dict[str, Machine] = {}

    async def open(self) -> None:
        """Adopts what the store and the driver know: every instance gets its task, every stray guest goes."""
        self._crew.spawn(self._follow_events, "events")
        # Events first, then the look at what is: nothing can happen unseen in between.
        await asyncio.sleep(0)
        for instance in self._records.instances.values():
            if instance.state is not InstanceState.TERMINATED:
                self.add(instance.id)
        await self._look_at_all(first=True)
        self._crew.spawn(self._resync, "resync")

    def add(self, instance_id: str) -> None:
        """Starts the task of a recorded instance."""
        machine = self._machines[instance_id] = self._make(instance_id)

        async def live() -> None:
            await machine.run()
            self._machines.pop(instance_id, None)

        self._crew.spawn(live, instance_id)

    def ask(self, ids: Sequence[str], event: Event, *, force: bool = False) -> tuple[StateChange, ...]:
        """Asks all of them in one transaction, or none. Raises NotFound or Conflict."""
        before = [self._records.instance(instance_id) for instance_id in dict.fromkeys(ids)]
        changes = {one.id: admitted(one, event) for one in before}
        self._records.change_all({key: fields for key, fields in changes.items() if fields})
        return tuple(self._asked(one, event, force) for one in before)

    def check(self, ids: Sequence[str], event: Event) -> None:
        """Raises what `ask` would raise now; changes nothing."""
        for instance_id in ids:
            admitted(self._records.instance(instance_id), event)

    def _asked(self, before: Instance, event: Event, force: bool) -> StateChange:
        machine = self._machines.get(before.id)
        if machine is not None:
            return machine.asked(event, before, force=force)
        return StateChange(instance_id=before.id, previous=before.state, current=before.state)

    async def _follow_events(self) -> None:
        """Wakes the machine that an event is about; after a gap in the events, all of them."""
        failures = 0
        while True:
            try:
                async for event in self._driver.events():
                    failures = 0
                    if not event.instance_id:
                        await self._look_at_all()
                    elif event.instance_id in self._machines:
                        self._machines[event.instance_id].notice(event.death)
            except CloudError as error:
                _log.warning("driver_events_failed", error=error.message)
            failures += 1
            await asyncio.sleep(self._pace.retry.delay_s(failures))
            await self._look_at_all()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._pace.resync_s)
            await self._look_at_all()
            self._records.save()
            try:
                self._records.forget_old(
                    keep_terminated_s=self._pace.keep_terminated_s, keep_tokens_s=self._pace.keep_tokens_s
                )
            except CloudError as error:
                _log.warning("old_records_stay", error=error.message)

    async def _look_at_all(self, *, first: bool = False) -> None:
        """Wakes every machine whose guest is not as its state says and removes the guests that are nobody's.

        A driver that does not answer is an error only the first time."""
        try:
            async with within(self._pace.measure_s, "listing all guests"):
                guests = {guest.instance_id: guest for guest in await self._driver.list_guests()}
        except CloudError as error:
            if first:
                raise
            _log.warning("driver_list_failed", error=error.message)
            return
        for instance_id, machine in self._machines.items():
            if not _as_recorded(machine.instance, guests.get(instance_id)):
                machine.notice()
        await self._remove_strays(set(guests) - set(self._machines))

    async def _remove_strays(self, ids: Iterable[str]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def remove(instance_id: str) -> None:
            async with limit:
                if instance_id in self._machines:
                    return
                try:
                    async with within(self._pace.remove_s, f"removing {instance_id}"):
                        await self._driver.remove(instance_id)
                    _log.info("stray_guest_removed", id=instance_id)
                except CloudError as error:
                    _log.warning("stray_guest_stays", id=instance_id, error=error.message)

        async with asyncio.TaskGroup() as group:
            for instance_id in ids:
                group.create_task(remove(instance_id))


def _as_recorded(instance: Instance, guest: GuestStatus | None) -> bool:
    if guest is None or instance.state not in _SETTLED or guest.phase is not _SETTLED[instance.state]:
        return False
    return guest.phase is GuestPhase.STOPPED or (guest.impaired == instance.impaired and guest.booted is not None)
