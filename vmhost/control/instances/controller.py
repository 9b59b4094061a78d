"""Runs one task for each instance, passes the driver's events to it, and compares records and guests regularly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.decide import admit
from vmhost.control.instances.lifecycle import InstanceEvent
from vmhost.control.instances.reconciler import InstanceReconciler, InstanceRequest
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, StateChange
from vmhost.control.service_context import ServiceContext
from vmhost.model.guest import GuestPhase, GuestStatus

_AT_ONCE = 16
_SETTLED_PHASES = {InstanceState.RUNNING: GuestPhase.RUNNING, InstanceState.STOPPED: GuestPhase.STOPPED}
_log = get_logger("instances")


class InstanceController:
    """The tasks of all instances of one cloud."""

    def __init__(self, context: ServiceContext, console: ConsoleArchive) -> None:
        self._context = context
        self._instances = context.resources.table(INSTANCES)
        self._console = console
        self._reconcilers: dict[str, InstanceReconciler] = {}

    async def open(self) -> None:
        """Start the task of every recorded instance and remove guests without a record."""
        self._context.tasks.spawn(self._follow_events, "events", restart=True)
        # Follow the events before listing the guests, so that nothing is missed in between.
        await self._context.clock.sleep(0)
        for instance in self._instances:
            if instance.state is not InstanceState.TERMINATED:
                self.add(instance.id)
        await self._compare_all(first=True)
        self._context.tasks.spawn(self._resync, "resync", restart=True)

    def add(self, instance_id: str) -> None:
        """Start the task of a recorded instance."""
        reconciler = self._reconcilers[instance_id] = InstanceReconciler(instance_id, self._context, self._console)

        async def run() -> None:
            await reconciler.run()
            self._reconcilers.pop(instance_id, None)

        self._context.tasks.spawn(run, instance_id, restart=True)

    def request(self, ids: Sequence[str], event: InstanceEvent, *, force: bool = False) -> tuple[StateChange, ...]:
        """Record the request for all of the instances in one transaction, or for none. Raises NotFound or Conflict.

        The task of each instance then carries it out."""
        former = [self._instances.get(instance_id) for instance_id in dict.fromkeys(ids)]
        changes = {each.id: admit(each, event).required() for each in former}
        accepted = [self._instances.changed(key, **fields) for key, fields in changes.items() if fields]
        self._context.resources.commit(accepted)
        for each in former:
            if reconciler := self._reconcilers.get(each.id):
                reconciler.request(InstanceRequest(event=event, former=each, force=force))
        return tuple(
            StateChange(instance_id=each.id, previous=each.api_state, current=self._instances.get(each.id).api_state)
            for each in former
        )

    def wake(self, instance_id: str) -> None:
        """Let the task of an instance look at its record again."""
        if reconciler := self._reconcilers.get(instance_id):
            reconciler.wake()

    async def resized(self, instance_id: str) -> None:
        """Wait until the recorded change of type is in force. Raises the driver's error if it cannot be made."""
        reconciler = self._reconcilers[instance_id]
        future = reconciler.resized()
        reconciler.wake()
        await future

    def check(self, ids: Sequence[str], event: InstanceEvent) -> None:
        """Raise what `request` would raise now; change nothing."""
        for instance_id in ids:
            admit(self._instances.get(instance_id), event).required()

    async def _follow_events(self) -> None:
        """Wake the task of the instance that an event is about; after a gap in the events, compare all of them."""
        failures = 0
        while True:
            try:
                async for event in self._context.driver.instances.events():
                    failures = 0
                    if not event.instance_id:
                        await self._compare_all()
                    elif event.instance_id in self._reconcilers:
                        self._reconcilers[event.instance_id].notice(event.death)
            except CloudError as error:
                _log.warning("driver_events_failed", error=error.message)
            failures += 1
            await self._context.clock.sleep(self._context.timeouts.retry.delay_s(failures))
            await self._compare_all()

    async def _resync(self) -> None:
        while True:
            await self._context.clock.sleep(self._context.timeouts.resync_s)
            await self._compare_all()

    def forget_terminated(self) -> None:
        """Forget instances whose time after their termination is over."""
        oldest = self._context.clock.now() - self._context.timeouts.keep_terminated_s
        old = [
            each
            for each in self._instances
            if each.state is InstanceState.TERMINATED and each.changed_at < oldest and each.id not in self._reconcilers
        ]
        if old:
            self._context.resources.commit(forget=old)
            self._console.forget(each.id for each in old)

    async def _compare_all(self, *, first: bool = False) -> None:
        """Wake every task whose guest does not match its record, and remove guests without a record.

        An error of the driver is raised only the first time."""
        try:
            async with deadline(self._context.clock, self._context.timeouts.measure_s, "listing all guests"):
                guests = {guest.instance_id: guest for guest in await self._context.driver.instances.list()}
        except CloudError as error:
            if first:
                raise
            _log.warning("driver_list_failed", error=error.message)
            return
        for instance_id, reconciler in self._reconcilers.items():
            if not _matches(reconciler.instance, guests.get(instance_id)):
                reconciler.notice()
        await self._remove_strays(set(guests) - set(self._reconcilers))

    async def _remove_strays(self, ids: Iterable[str]) -> None:
        context, limit = self._context, asyncio.Semaphore(_AT_ONCE)

        async def remove(instance_id: str) -> None:
            async with limit:
                if instance_id in self._reconcilers:
                    return
                try:
                    async with deadline(context.clock, context.timeouts.remove_s, f"removing {instance_id}"):
                        await context.driver.instances.remove(instance_id)
                    _log.info("stray_guest_removed", id=instance_id)
                except CloudError as error:
                    _log.warning("stray_guest_not_removed", id=instance_id, error=error.message)

        async with asyncio.TaskGroup() as group:
            for instance_id in ids:
                group.create_task(remove(instance_id))


def _matches(instance: Instance, guest: GuestStatus | None) -> bool:
    if guest is None or instance.state not in _SETTLED_PHASES or guest.phase is not _SETTLED_PHASES[instance.state]:
        return False
    return guest.phase is GuestPhase.STOPPED or (guest.impaired == instance.impaired and guest.endpoint is not None)
