"""All machines: a task for each, the driver's events to the one they are about, and a slow look at everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances.reconciler import InstanceReconciler, admitted
from vmhost.control.records import Records
from vmhost.control.task_supervisor import TaskSupervisor
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.base import Driver
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, StateChange
from vmhost.model.lifecycle import Event

_AT_ONCE = 16
_SETTLED = {InstanceState.RUNNING: GuestPhase.RUNNING, InstanceState.STOPPED: GuestPhase.STOPPED}
_log = get_logger("instances")


class InstanceController:
    """The set of machines of one cloud."""

    def __init__(
        self,
        *,
        records: Records,
        driver: Driver,
        tasks: TaskSupervisor,
        timeouts: Timeouts,
        make: Callable[[str], InstanceReconciler],
    ) -> None:
        self._records = records
        self._driver = driver
        self._tasks = tasks
        self._timeouts = timeouts
        self._make = make
        self._reconcilers: dict[str, InstanceReconciler] = {}

    async def open(self) -> None:
        """Adopts what the store and the driver know: every instance gets its task, every stray guest goes."""
        self._tasks.spawn(self._follow_events, "events")
        # Events first, then the look at what is: nothing can happen unseen in between.
        await asyncio.sleep(0)
        for instance in self._records.instances.values():
            if instance.state is not InstanceState.TERMINATED:
                self.add(instance.id)
        await self._look_at_all(first=True)
        self._tasks.spawn(self._resync, "resync")

    def add(self, instance_id: str) -> None:
        """Starts the task of a recorded instance."""
        reconciler = self._reconcilers[instance_id] = self._make(instance_id)

        async def live() -> None:
            await reconciler.run()
            self._reconcilers.pop(instance_id, None)

        self._tasks.spawn(live, instance_id)

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
        reconciler = self._reconcilers.get(before.id)
        if reconciler is not None:
            return reconciler.asked(event, before, force=force)
        return StateChange(instance_id=before.id, previous=before.state, current=before.state)

    async def _follow_events(self) -> None:
        """Wakes the reconciler that an event is about; after a gap in the events, all of them."""
        failures = 0
        while True:
            try:
                async for event in self._driver.events():
                    failures = 0
                    if not event.instance_id:
                        await self._look_at_all()
                    elif event.instance_id in self._reconcilers:
                        self._reconcilers[event.instance_id].notice(event.death)
            except CloudError as error:
                _log.warning("driver_events_failed", error=error.message)
            failures += 1
            await asyncio.sleep(self._timeouts.retry.delay_s(failures))
            await self._look_at_all()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._timeouts.resync_s)
            await self._look_at_all()
            self._records.save()
            try:
                self._records.forget_old(
                    keep_terminated_s=self._timeouts.keep_terminated_s, keep_tokens_s=self._timeouts.keep_tokens_s
                )
            except CloudError as error:
                _log.warning("old_records_stay", error=error.message)

    async def _look_at_all(self, *, first: bool = False) -> None:
        """Wakes every reconciler whose guest is not as its state says and removes the guests that are nobody's.

        A driver that does not answer is an error only the first time."""
        try:
            async with deadline(self._timeouts.measure_s, "listing all guests"):
                guests = {guest.instance_id: guest for guest in await self._driver.list_guests()}
        except CloudError as error:
            if first:
                raise
            _log.warning("driver_list_failed", error=error.message)
            return
        for instance_id, reconciler in self._reconcilers.items():
            if not _as_recorded(reconciler.instance, guests.get(instance_id)):
                reconciler.notice()
        await self._remove_strays(set(guests) - set(self._reconcilers))

    async def _remove_strays(self, ids: Iterable[str]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def remove(instance_id: str) -> None:
            async with limit:
                if instance_id in self._reconcilers:
                    return
                try:
                    async with deadline(self._timeouts.remove_s, f"removing {instance_id}"):
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
