"""Fleets: one task for each, which keeps as many machines running as its owner wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Conflict, InvalidInput, NoCapacity, Unsupported
from vmhost.base.ids import Ids
from vmhost.base.logs import get_logger
from vmhost.control import tags
from vmhost.control.client_tokens import made_before, token_of
from vmhost.control.fleets.decide import Price, decide, overrides_in_order
from vmhost.control.instances.launcher import DEFAULT_TYPE, MAX_INSTANCES
from vmhost.control.inventory import Inventory
from vmhost.control.records import Records
from vmhost.control.requests import FleetRequest, LaunchRequest
from vmhost.control.task_supervisor import TaskSupervisor
from vmhost.control.templates.service import Templates
from vmhost.control.timeouts import Timeouts
from vmhost.model.fleet import Fleet, FleetOverride, FleetState
from vmhost.model.instance import Instance, InstanceState, Wanted
from vmhost.model.lifecycle import Event

_ACTION = "CreateFleet"
_AT_ONCE = 16
"""Launches before others get their turn."""
_GONE = frozenset({FleetState.DELETED, FleetState.DELETED_RUNNING, FleetState.DELETED_TERMINATING})
_log = get_logger("fleets")

Launch = Callable[[LaunchRequest], tuple[Instance, ...]]
Ask = Callable[[Sequence[str], Event], object]


class Tell(Protocol):
    """The journal of calls: what a fleet does by itself stands there too."""

    def __call__(self, action: str, *, by: str, instances: Sequence[str], error: CloudError | None = None) -> None: ...


class FleetReconciler:
    """The task of one fleet."""

    def __init__(
        self,
        fleet_id: str,
        *,
        records: Records,
        launch: Launch,
        price: Price,
        ask: Ask,
        tell: Tell,
        timeouts: Timeouts,
        clock: Clock,
    ) -> None:
        self.id = fleet_id
        self.trouble = ""
        """Why the last launch did not succeed; empty when it did."""
        self._records = records
        self._launch = launch
        self._price = price
        self._ask = ask
        self._tell = tell
        self._timeouts = timeouts
        self._clock = clock
        self._wake = asyncio.Event()
        self._refusal_told = ""
        self._failures = 0
        self._no_room = False
        self._not_before = 0.0

    def wake(self) -> None:
        """Something changed; the task looks again."""
        self._wake.set()

    def room_again(self) -> None:
        """Some instance gave its place back: a launch that found no room is worth another try at once."""
        if self._no_room:
            self._not_before = 0.0
            self._wake.set()

    def saw(self, new: Instance, old: Instance | None) -> None:
        """Learns from a change of one of its instances whether launches go well, and looks."""
        ended = old is not None and old.state is not new.state
        if ended and new.state is InstanceState.SHUTTING_DOWN and new.boots == 0 and new.wanted is Wanted.RUNNING:
            self._failed(new.reason.message if new.reason else "the launch failed")
        elif ended and old and old.state is InstanceState.RUNNING and new.state is InstanceState.STOPPED:
            if self._clock.now() - old.launched_at < self._timeouts.early_death_s:
                self._failed(new.reason.message if new.reason else "it died at once")
            else:
                self._failures, self._not_before = 0, 0.0
        self._wake.set()

    async def run(self) -> None:
        """Works until the fleet is deleted and its instances are gone."""
        while True:
            await asyncio.sleep(0)
            self._wake.clear()
            try:
                if self._tend():
                    return
            except CloudError as error:
                # Such as a full disk.
                _log.warning("fleet_not_tended", fleet=self.id, error=error.message)
                await asyncio.sleep(self._timeouts.retry.most_s)
            wait = self._next_look_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _next_look_s(self) -> float | None:
        """How long to wait if nothing happens: for the end of the back-off, or for an impaired instance's time."""
        waits = [self._not_before - self._clock.monotonic()]
        waits += [self._timeouts.unhealthy_s - impaired_s for impaired_s in self._impaired_s().values()]
        return min((wait for wait in waits if wait > 0), default=None)

    def _impaired_s(self) -> dict[str, float]:
        """For how long the fleet's impaired instances have been so."""
        now = self._clock.now()
        return {one.id: now - one.impaired_at for one in self._records.of_fleet(self.id) if one.impaired_at is not None}

    def _tend(self) -> bool:
        fleet = self._records.fleets[self.id]
        unhealthy = {key for key, impaired_s in self._impaired_s().items() if impaired_s >= self._timeouts.unhealthy_s}
        step = decide(fleet, self._records.of_fleet(self.id), unhealthy=unhealthy)
        if step.terminate:
            self._ask(step.terminate, Event.TERMINATE)
            self._tell("TerminateInstances", by=self.id, instances=step.terminate)
        if step.over:
            self._records.put(replace(fleet, state=FleetState.DELETED))
            return True
        if step.launch and self._clock.monotonic() >= self._not_before:
            self._launch_missing(fleet, step.launch)
        return False

    def _launch_missing(self, fleet: Fleet, count: int) -> None:
        made: list[str] = []
        refused: CloudError | None = None
        try:
            for _ in range(min(count, _AT_ONCE)):
                made.extend(one.id for one in self._launch_one(fleet))
            self.trouble, self._no_room = "", False
        except CloudError as error:
            refused = error
            self._failed(error.message)
            self._no_room = isinstance(error, NoCapacity)
        self._tell_launch(made, refused)
        # There may be more to launch; and the first failure is tried again at once.
        self._wake.set()

    def _tell_launch(self, made: Sequence[str], refused: CloudError | None) -> None:
        if made:
            self._tell("RunInstances", by=self.id, instances=made)
        # It is tried again and again; the same refusal is told once.
        if refused is not None and refused.message != self._refusal_told:
            self._tell("RunInstances", by=self.id, instances=(), error=refused)
        self._refusal_told = refused.message if refused else ""

    def _launch_one(self, fleet: Fleet) -> Sequence[Instance]:
        last: NoCapacity | None = None
        for way in overrides_in_order(fleet, self._records.of_fleet(fleet.id), self._price):
            try:
                return self._launch(
                    LaunchRequest(
                        type_name=way.type_name,
                        zone=way.zone,
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
        _log.warning("fleet_launch_failed", fleet=self.id, why=why, again_s=delay)


class Fleets:
    """The fleets of one cloud."""

    def __init__(
        self,
        *,
        records: Records,
        templates: Templates,
        inventory: Inventory,
        tasks: TaskSupervisor,
        clock: Clock,
        ids: Ids,
        make: Callable[[str], FleetReconciler],
    ) -> None:
        self._records = records
        self._templates = templates
        self._inventory = inventory
        self._tasks = tasks
        self._clock = clock
        self._ids = ids
        self._make = make
        self._reconcilers: dict[str, FleetReconciler] = {}
        records.listen(self._on_change)

    def open(self) -> None:
        """Starts the task of every fleet that is not deleted."""
        for fleet in self._records.fleets.values():
            if fleet.state is not FleetState.DELETED:
                self._keep(fleet.id)

    def create(self, request: FleetRequest) -> Fleet:
        """A fleet whose task has begun. Raises InvalidInput, NotFound, Unsupported."""
        made = made_before(self._records, _ACTION, request)
        if made and made[0] in self._records.fleets:
            return self._records.fleets[made[0]]
        fleet = self._fleet(request)
        self._records.put(fleet, *token_of(_ACTION, request, [fleet.id], fleet.created_at))
        self._keep(fleet.id)
        return fleet

    def check(self, request: FleetRequest) -> None:
        """Raises what `create` would raise now; changes nothing."""
        made = made_before(self._records, _ACTION, request)
        if not made or made[0] not in self._records.fleets:
            self._fleet(request)

    def check_change(self, fleet_id: str, target: int | None) -> Fleet:
        """The fleet. Raises what `modify` would raise now; changes nothing."""
        fleet = self._alive(fleet_id)
        _check_target(fleet.target if target is None else target)
        return fleet

    def price(self, fleet: Fleet, way: FleetOverride) -> float:
        """What an instance launched this way costs an hour; 0 where its type cannot be found out."""
        try:
            _, version = self._templates.version(fleet.template_id, str(fleet.template_version))
            return self._inventory.kind(way.type_name or version.type_name or DEFAULT_TYPE).price_usd_hour
        except CloudError:
            return 0.0

    def modify(self, fleet_id: str, *, target: int | None, keep_excess: bool | None) -> Fleet:
        """Another target. Raises NotFound, InvalidInput, Conflict for a fleet that is being deleted."""
        fleet = self.check_change(fleet_id, target)
        changed = replace(
            fleet,
            target=fleet.target if target is None else target,
            keep_excess=fleet.keep_excess if keep_excess is None else keep_excess,
        )
        self._records.put(changed)
        self._reconcilers[fleet_id].wake()
        return changed

    def delete(self, ids: Sequence[str], *, terminate_instances: bool) -> tuple[Fleet, ...]:
        """Ends the fleets: no more launches; with `terminate_instances` their machines go too. All or none."""
        fleets = [self._alive(fleet_id) for fleet_id in dict.fromkeys(ids)]
        state = FleetState.DELETED_TERMINATING if terminate_instances else FleetState.DELETED_RUNNING
        changed = tuple(replace(fleet, state=state) for fleet in fleets)
        self._records.put_all(changed)
        for fleet in changed:
            self._reconcilers[fleet.id].wake()
        return changed

    def trouble(self, fleet_id: str) -> str:
        """Why the fleet's last launch did not succeed; empty when it did."""
        reconciler = self._reconcilers.get(fleet_id)
        return reconciler.trouble if reconciler else ""

    def _alive(self, fleet_id: str) -> Fleet:
        fleet = self._records.fleet(fleet_id)
        if fleet.state in _GONE:
            raise Conflict(f"fleet {fleet_id} is {fleet.state}; expected an active one")
        return fleet

    def _fleet(self, request: FleetRequest) -> Fleet:
        if request.type != "maintain":
            raise Unsupported(f"fleets of type {request.type!r} are not provided here; use maintain")
        _check_target(request.target)
        template, version = self._templates.version(request.template, request.template_version)
        for override in request.overrides:
            self._inventory.kind(override.type_name or version.type_name or DEFAULT_TYPE)
        tags.check(request.tags)
        tags.check(request.instance_tags)
        return Fleet(
            id=self._ids.new("fleet"),
            type=request.type,
            state=FleetState.ACTIVE,
            template_id=template.id,
            template_version=version.number,
            target=request.target,
            created_at=self._clock.now(),
            overrides=request.overrides,
            tags=dict(request.tags),
            instance_tags=dict(request.instance_tags),
            keep_excess=request.keep_excess,
            client_token=request.client_token,
            replace_unhealthy=request.replace_unhealthy,
        )

    def _keep(self, fleet_id: str) -> None:
        reconciler = self._reconcilers[fleet_id] = self._make(fleet_id)

        async def live() -> None:
            await reconciler.run()
            self._reconcilers.pop(fleet_id, None)

        self._tasks.spawn(live, fleet_id)

    def _on_change(self, new: Instance, old: Instance | None) -> None:
        if new.fleet_id in self._reconcilers:
            self._reconcilers[new.fleet_id].saw(new, old)
        if old is not None and new.state in (InstanceState.TERMINATED, InstanceState.STOPPED):
            for reconciler in self._reconcilers.values():
                reconciler.room_again()


def _check_target(target: int) -> None:
    if not 0 <= target <= MAX_INSTANCES:
        raise InvalidInput(f"a target of {target} instances is not possible; expected 0 to {MAX_INSTANCES}")
