"""One instance's task: it brings the guest to the state that its owner wants, and records what it observes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vmhost.api import PORT_TAG
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, Unavailable
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.decide import FRESH, DriverCall, InstanceDecision, decide, reason_of_failure
from vmhost.control.instances.lifecycle import InstanceEvent, next_state
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Reason, Wanted
from vmhost.control.reconciler import Reconciler, Retry
from vmhost.control.service_context import ServiceContext
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestStatus

_TRANSIENT = (Unavailable, DeadlineExceeded)
_START_FAILURES = {
    InstanceState.PENDING: (InstanceEvent.START_FAILED, "start"),
    InstanceState.RESTARTING: (InstanceEvent.START_FAILED, "reboot"),
}
_log = get_logger("instances")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRequest:
    """A request that was admitted and recorded."""

    event: InstanceEvent
    former: Instance
    """The record before the request."""
    force: bool = False
    """For a stop: without waiting for the program to end by itself."""


class InstanceReconciler(Reconciler[GuestStatus | None, InstanceDecision, InstanceRequest]):
    """The owner of one instance, from its record to its end."""

    def __init__(self, instance_id: str, context: ServiceContext, console: ConsoleArchive) -> None:
        super().__init__(instance_id, clock=context.clock, retry=Retry(context.clock, context.timeouts.retry))
        self._context = context
        self._timeouts = context.timeouts
        self._driver = context.driver
        self._instances = context.resources.table(INSTANCES)
        self._console = console
        self._force_stop = False
        self._removing = False
        self._resizing: list[asyncio.Future[None]] = []
        self._death: Death | None = None
        """The end of the program, as reported by an event of the driver."""

    @property
    def instance(self) -> Instance:
        """The record as it is now."""
        return self._instances.get(self.id)

    def request(self, request: InstanceRequest) -> None:
        """Let the task carry out the request. A removal in progress is not interrupted."""
        accepted = self.instance.state is not request.former.state
        self.submit(request, interrupt=(accepted or request.force) and not self._removing)

    def apply(self, request: InstanceRequest) -> None:
        """Take note of a request that was recorded."""
        self._force_stop = request.event is InstanceEvent.STOP and request.force
        if self.instance.state is not request.former.state:
            self.retry.reset()
            _log_change(request.former, self.instance)

    def notice(self, death: Death | None = None) -> None:
        """Let the task measure again, because the driver reported an event."""
        self._death = death or self._death
        self.wake()

    def is_over(self, observed: GuestStatus | None) -> bool:
        """Return whether the instance is terminated and its guest gone."""
        return observed is None and self.instance.state is InstanceState.TERMINATED

    async def measure(self) -> GuestStatus | None:
        """Inspect the guest, and record whether a running instance can answer and at which address."""
        async with self.limited(self._timeouts.measure_s, f"inspect of {self.id}"):
            observed = await self._driver.instances.inspect(self.id)
        if observed and observed.phase is GuestPhase.STOPPED and observed.death is None:
            return replace(observed, death=self._death)
        if observed and observed.phase is GuestPhase.RUNNING and self.instance.state is InstanceState.RUNNING:
            self._note_health(observed)
            self._note_address(observed)
        return observed

    def decide(self, observed: GuestStatus | None) -> InstanceDecision | None:
        """Return the next step toward the wanted state."""
        limits = self._context.inventory.limits(self.instance)
        return decide(self.instance, observed, memory_mib=limits.memory_mib if limits else None)

    async def act(self, decision: InstanceDecision, observed: GuestStatus | None) -> None:
        """Call the driver, or record the event."""
        match decision.call:
            case DriverCall.CREATE:
                await self._create()
            case DriverCall.START:
                await self._start()
            case DriverCall.RESIZE:
                await self._resize()
            case DriverCall.STOP:
                await self._stop()
            case DriverCall.REMOVE:
                await self._remove()
        if decision.event is InstanceEvent.STARTED:
            self._started(observed)
        elif decision.event is not None:
            self._ended(decision.event, decision.reason or self.instance.reason)

    def on_failure(self, error: CloudError) -> bool:
        """Give up a launch, start or reboot after a few attempts; everything else is tried again for ever."""
        lasting = not isinstance(error, _TRANSIENT) or self.retry.failures >= self._timeouts.tries
        state = self.instance.state
        if not lasting or state not in _START_FAILURES:
            return False
        event, verb = _START_FAILURES[state]
        if state is InstanceState.PENDING and not self.instance.boots:
            event, verb = InstanceEvent.LAUNCH_FAILED, "launch"
        self.retry.reset()
        self._move(event, reason=reason_of_failure(verb, error.message), **_location(self.instance, None))
        return True

    def explain_no_effect(self, decision: InstanceDecision, observed: GuestStatus | None) -> str:
        """Return the message for a driver call that succeeded and changed nothing."""
        name = decision.call.name.lower() if decision.call else str(decision.event)
        return f"{name} changed nothing: {_describe(observed)}"

    async def _create(self) -> None:
        spec = self._context.inventory.spec(self.instance)
        async with self.limited(self._timeouts.create_s, f"create of {self.id}"):
            await self._driver.instances.create(spec)

    async def _start(self) -> None:
        self._death = None
        async with self.limited(self._timeouts.start_s, f"start of {self.id}"):
            await self._driver.instances.start(self.id)

    async def _resize(self) -> None:
        """Give the guest the limits of its new type. If they cannot be set, the instance keeps its former type."""
        limits = self._context.inventory.limits(self.instance)
        try:
            if limits is None:
                raise InvalidInput(f"the type {self.instance.type_name} or the host {self.instance.host_id} is gone")
            async with self.limited(self._timeouts.measure_s, f"resize of {self.id}"):
                await self._driver.instances.resize(self.id, limits)
        except CloudError as error:
            if isinstance(error, _TRANSIENT):
                raise
            _log.warning("type_not_changed", id=self.id, type=self.instance.type_name, error=error.message)
            self._observe(type_name=self.instance.former_type, former_type=None)
            self._end_resize(error)
        else:
            self._observe(former_type=None)
            self._end_resize(None)

    def resized(self) -> asyncio.Future[None]:
        """Return a future that ends with the change of limits under way, with its error if it fails."""
        future = asyncio.get_running_loop().create_future()
        self._resizing.append(future)
        return future

    def _end_resize(self, error: CloudError | None) -> None:
        for future in self._resizing:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)
        self._resizing.clear()

    async def _stop(self) -> None:
        grace_s = 0.0 if self._force_stop else self._timeouts.stop_grace_s
        async with self.limited(grace_s + self._timeouts.stop_s, f"stop of {self.id}"):
            await self._driver.instances.stop(self.id, grace_s=grace_s)

    async def _remove(self) -> None:
        self._removing = True
        try:
            await self._keep_console()
            async with self.limited(self._timeouts.remove_s, f"remove of {self.id}"):
                await self._driver.instances.remove(self.id)
        finally:
            self._removing = False
        if self.instance.state is InstanceState.SHUTTING_DOWN:
            self._ended(InstanceEvent.REMOVED, self.instance.reason)

    async def _keep_console(self) -> None:
        """Keep the console output, which can be read for a while after the guest is gone."""
        if self.instance.state is not InstanceState.SHUTTING_DOWN:
            return
        # The guest is removed even if its console cannot be read.
        with contextlib.suppress(CloudError):
            async with deadline(self._clock, self._timeouts.console_s, f"reading the console of {self.id}"):
                self._console.keep(self.id, await self._driver.shell.console(self.id))

    def _started(self, observed: GuestStatus | None) -> None:
        location = _location(self.instance, observed.endpoint if observed else None)
        if self.instance.state is InstanceState.RESTARTING:
            self._move(InstanceEvent.STARTED, **location)
        else:
            boots = self.instance.boots + 1
            self._move(InstanceEvent.STARTED, reason=None, launched_at=self._clock.now(), boots=boots, **location)

    def _ended(self, event: InstanceEvent, reason: Reason | None) -> None:
        if self.instance.state is InstanceState.REBOOTING and event is InstanceEvent.STOPPED:
            self._move(event)
            return
        wanted = Wanted.TERMINATED if event is InstanceEvent.TERMINATE else self.instance.wanted
        self._move(event, reason=reason, wanted=wanted, **_location(self.instance, None))

    def _note_health(self, observed: GuestStatus) -> None:
        if observed.impaired != self.instance.impaired:
            since = self._clock.now() if observed.impaired else None
            self._observe(impaired=observed.impaired, impaired_at=since)
            status = "impaired" if observed.impaired else "ok"
            _log.info("instance_status_changed", id=self.id, status=status, reason=observed.impaired)

    def _note_address(self, observed: GuestStatus) -> None:
        if observed.endpoint is not None:
            location = _location(self.instance, observed.endpoint)
            if location["address"] != self.instance.address or location["port"] != self.instance.port:
                self._observe(**location)

    def _move(self, event: InstanceEvent, **fields: Any) -> None:
        former = self.instance
        state = next_state(former.state, event, subject=f"instance {self.id}")
        _log_change(former, self._observe(state=state, **FRESH, **fields))

    def _observe(self, **fields: Any) -> Instance:
        changed = self._instances.changed(self.id, **fields)
        self._context.resources.observe(changed)
        return changed


def _log_change(former: Instance, changed: Instance) -> None:
    _log.info(
        "instance_state_changed",
        id=changed.id,
        old=former.state.value,
        new=changed.state.value,
        generation=changed.generation,
        reason=changed.reason.message if changed.reason else None,
    )


def _describe(observed: GuestStatus | None) -> str:
    if observed is None:
        return "there is no guest"
    if observed.phase is GuestPhase.RUNNING:
        return "the guest runs" if observed.endpoint else "the guest runs without an address"
    return "the guest is stopped"


def _location(instance: Instance, endpoint: Endpoint | None) -> Mapping[str, Any]:
    """Return the fields for address and port, and the tag of the port."""
    tags = {key: value for key, value in instance.tags.items() if key != PORT_TAG}
    if endpoint is None:
        return {"address": None, "port": None, "tags": tags}
    if endpoint.port is not None:
        tags[PORT_TAG] = str(endpoint.port)
    return {"address": endpoint.address, "port": endpoint.port, "tags": tags}
