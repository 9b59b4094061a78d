"""One fleet's task: it launches, replaces and terminates instances until the fleet has its target."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, NoCapacity
from vmhost.base.logs import get_logger
from vmhost.control.call_log import CallLog
from vmhost.control.fleets.decide import Price, decide, members, overrides_in_order
from vmhost.control.fleets.record import FLEETS, Fleet, FleetState
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher, LaunchRequest
from vmhost.control.instances.lifecycle import Event
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Wanted
from vmhost.control.resources import Resources
from vmhost.control.timeouts import Timeouts

_AT_ONCE = 16
"""Launches before other tasks get their turn."""
_log = get_logger("fleets")


class FleetReconciler:
    """The task of one fleet."""

    def __init__(
        self,
        fleet_id: str,
        *,
        resources: Resources,
        launcher: Launcher,
        price: Price,
        controller: InstanceController,
        calls: CallLog,
        timeouts: Timeouts,
        clock: Clock,
    ) -> None:
        self.id = fleet_id
        self.trouble = ""
        """Why the last launch failed; empty if it succeeded."""
        self._resources = resources
        self._fleets = resources.table(FLEETS)
        self._instances = resources.table(INSTANCES)
        self._launcher = launcher
        self._price = price
        self._controller = controller
        self._calls = calls
        self._timeouts = timeouts
        self._clock = clock
        self._wake = asyncio.Event()
        self._logged_refusal = ""
        self._failures = 0
        self._lacks_room = False
        self._not_before = 0.0

    def wake(self) -> None:
        """Let the task look again, because something changed."""
        self._wake.set()

    def on_room(self) -> None:
        """Retry at once a launch that found no room: an instance has freed its place."""
        if self._lacks_room:
            self._not_before = 0.0
            self._wake.set()

    def on_change(self, changed: Instance, former: Instance | None) -> None:
        """Learn from a change of one of its instances whether launches succeed, and look again."""
        moved = former is not None and former.state is not changed.state
        if (
            moved
            and changed.state is InstanceState.SHUTTING_DOWN
            and not changed.boots
            and changed.wanted is Wanted.RUNNING
        ):
            self._failed(changed.reason.message if changed.reason else "the launch failed")
        elif moved and former and former.state is InstanceState.RUNNING and changed.state is InstanceState.STOPPED:
            if self._clock.now() - former.launched_at < self._timeouts.early_death_s:
                self._failed(changed.reason.message if changed.reason else "it stopped right after its start")
            else:
                self._failures, self._not_before = 0, 0.0
        self._wake.set()

    async def run(self) -> None:
        """Work until the fleet is deleted and its instances are gone."""
        while True:
            await asyncio.sleep(0)
            self._wake.clear()
            try:
                if self._reconcile():
                    return
            except CloudError as error:
                # Such as a full disk.
                _log.warning("fleet_not_reconciled", fleet=self.id, error=error.message)
                await asyncio.sleep(self._timeouts.retry.most_s)
            wait = self._next_look_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _next_look_s(self) -> float | None:
        """Return how long to wait if nothing happens: until the back-off or an impaired instance's time is over."""
        waits = [self._not_before - self._clock.monotonic()]
        waits += [self._timeouts.unhealthy_s - impaired_s for impaired_s in self._impaired_s().values()]
        return min((wait for wait in waits if wait > 0), default=None)

    def _impaired_s(self) -> dict[str, float]:
        """Return for how long the fleet's impaired instances have been so."""
        now = self._clock.now()
        return {each.id: now - each.impaired_at for each in self._members() if each.impaired_at is not None}

    def _members(self) -> tuple[Instance, ...]:
        return members(self._instances, self.id)

    def _reconcile(self) -> bool:
        fleet = self._fleets.get(self.id)
        unhealthy = {key for key, impaired_s in self._impaired_s().items() if impaired_s >= self._timeouts.unhealthy_s}
        decision = decide(fleet, self._members(), unhealthy=unhealthy)
        if decision.terminate:
            self._controller.request(decision.terminate, Event.TERMINATE)
            self._calls.record("TerminateInstances", by=self.id, instances=decision.terminate)
        if decision.over:
            self._resources.commit([replace(fleet, state=FleetState.DELETED)])
            return True
        if decision.launch and self._clock.monotonic() >= self._not_before:
            self._launch_missing(fleet, decision.launch)
        return False

    def _launch_missing(self, fleet: Fleet, count: int) -> None:
        launched: list[str] = []
        refused: CloudError | None = None
        try:
            for _ in range(min(count, _AT_ONCE)):
                launched.extend(each.id for each in self._launch_one(fleet))
            self.trouble, self._lacks_room = "", False
        except CloudError as error:
            refused = error
            self._failed(error.message)
            self._lacks_room = isinstance(error, NoCapacity)
        self._record_launch(launched, refused)
        # There may be more to launch, and the first failure is retried at once.
        self._wake.set()

    def _record_launch(self, launched: Sequence[str], refused: CloudError | None) -> None:
        if launched:
            self._calls.record("RunInstances", by=self.id, instances=launched)
        # The launch is retried again and again; the same refusal is recorded once.
        if refused is not None and refused.message != self._logged_refusal:
            self._calls.record("RunInstances", by=self.id, instances=(), error=refused)
        self._logged_refusal = refused.message if refused else ""

    def _launch_one(self, fleet: Fleet) -> Sequence[Instance]:
        last: NoCapacity | None = None
        for override in overrides_in_order(fleet, self._members(), self._price):
            try:
                return self._launcher.run(
                    LaunchRequest(
                        type_name=override.type_name,
                        zone=override.zone,
                        fleet_id=fleet.id,
                        template=fleet.template_id,
                        template_version=str(fleet.template_version),
                        tags=fleet.instance_tags,
                    )
                )
            except NoCapacity as error:
                last = error
        if last is not None:
            raise last
        return ()

    def _failed(self, why: str) -> None:
        self.trouble = why
        self._failures += 1
        delay = self._timeouts.fleet.delay_s(self._failures - 1)
        self._not_before = self._clock.monotonic() + delay
        _log.warning("fleet_launch_failed", fleet=self.id, why=why, retry_after_s=delay)
