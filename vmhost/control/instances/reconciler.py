"""One instance's task: it measures, takes one step, and measures again, until the wanted state is reached.

Requests are admitted by the lifecycle table and recorded (`admitted`, `InstanceController.request`) before this task
acts on them; a driver call for the former state is then interrupted. Every other change of state is written here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from vmhost.api.constants import PORT_TAG
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, DeadlineExceeded, Internal, Unavailable
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances import reasons
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.decide import Decision, DriverCall, decide
from vmhost.control.instances.lifecycle import Event, next_state
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Reason, StateChange, Wanted
from vmhost.control.inventory import Inventory
from vmhost.control.resources import Resources
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.ports import Driver
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestStatus

_WANTED = {Event.START: Wanted.RUNNING, Event.STOP: Wanted.STOPPED, Event.TERMINATE: Wanted.TERMINATED}
_AFRESH: Mapping[str, Any] = {"rebooting": False, "reboot_stopped": False, "impaired": "", "impaired_at": None}
"""What a new state begins with."""
_TRANSIENT = (Unavailable, DeadlineExceeded)
_log = get_logger("machine")


class _BrokenOff(Exception):
    """An owner asked for something else while the driver was at work."""


class InstanceReconciler:
    """The owner of one instance, from its record to its end."""

    def __init__(
        self,
        instance_id: str,
        *,
        resources: Resources,
        console: ConsoleArchive,
        driver: Driver,
        inventory: Inventory,
        timeouts: Timeouts,
        clock: Clock,
    ) -> None:
        self.id = instance_id
        self._resources = resources
        self._instances = resources.table(INSTANCES)
        self._console = console
        self._driver = driver
        self._inventory = inventory
        self._timeouts = timeouts
        self._clock = clock
        self._wake = asyncio.Event()
        self._call: asyncio.Timeout | None = None
        self._broken_off = False
        self._act: DriverCall | None = None
        self._tried: DriverCall | None = None
        self._done: tuple[DriverCall, GuestStatus | None] | None = None
        """The last call that succeeded, and what was observed before it."""
        self._forced = False
        self._failures = 0
        self._told: Death | None = None

    def _observe(self, **fields: Any) -> Instance:
        after = self._instances.changed(self.id, **fields)
        self._resources.observe(after)
        return after

    @property
    def instance(self) -> Instance:
        """The record as it is now."""
        return self._instances.get(self.id)

    def asked(self, event: Event, before: Instance, *, force: bool = False) -> StateChange:
        """Acts on what an owner asked for, which is admitted and recorded already; `before` is the record until then.

        With `force` a stop gives no grace."""
        state = self.instance.state
        self._forced = event is Event.STOP and force
        if state is not before.state:
            self._failures, self._done = 0, None
            _log_change(before, self.instance)
        if (state is not before.state or force) and self._act is not DriverCall.REMOVE:
            self._break_off()
        self._wake.set()
        return StateChange(instance_id=self.id, previous=before.state, current=state)

    def notice(self, death: Death | None = None) -> None:
        """The driver saw something; the machine will look."""
        self._told = death or self._told
        self._wake.set()

    async def run(self) -> None:
        """Works until the instance is terminated and nothing of it is left."""
        while True:
            self._wake.clear()
            try:
                observed = await self._measure()
                if self._is_over(observed):
                    return
                self._note_health(observed)
                step = self._next_step(observed)
                self._check_progress(step, observed)
                await self._take(step, observed)
            except _BrokenOff:
                continue
            except CloudError as error:
                await self._after_failure(error)
            except Exception as error:
                _log.exception("driver_failed", id=self.id)
                await self._after_failure(_internal(error))

    def _is_over(self, observed: GuestStatus | None) -> bool:
        return observed is None and self.instance.state is InstanceState.TERMINATED

    async def _measure(self) -> GuestStatus | None:
        async with self._deadline("inspect", self._timeouts.measure_s):
            return await self._driver.instances.inspect(self.id)

    def _next_step(self, observed: GuestStatus | None) -> Decision:
        if observed and observed.phase is GuestPhase.STOPPED and observed.death is None:
            observed = replace(observed, death=self._told)
        limits = self._inventory.limits(self.instance)
        return decide(self.instance, observed, memory_mib=limits.memory_mib if limits else None)

    def _check_progress(self, step: Decision, observed: GuestStatus | None) -> None:
        """Raises Unavailable when the call that is next has just succeeded and changed nothing that can be seen."""
        done, self._done = self._done, None
        if step.call is not None and done == (step.call, observed):
            raise Unavailable(f"{step.call.name.lower()} changed nothing: {_in_words(observed)}")
        if step.call is None or done is not None:
            self._failures = 0

    def _note_health(self, observed: GuestStatus | None) -> None:
        before = self.instance
        if before.state is not InstanceState.RUNNING or observed is None or observed.phase is not GuestPhase.RUNNING:
            return
        why = "" if before.rebooting else observed.impaired
        if why != before.impaired:
            self._observe(impaired=why, impaired_at=self._clock.now() if why else None)
            _log.info("instance_status_changed", id=self.id, status="impaired" if why else "ok", reason=why)

    async def _take(self, step: Decision, observed: GuestStatus | None) -> None:
        if step.call is not None:
            await self._carry_out(step.call)
            self._done = (step.call, observed)
        elif step.event is Event.STARTED:
            self._started(observed)
        elif step.event is not None:
            self._down(step.event, step.reason or self.instance.reason)
        else:
            self._refresh(observed)
            await self._wake.wait()

    async def _carry_out(self, act: DriverCall) -> None:
        self._act = self._tried = act
        try:
            match act:
                case DriverCall.CREATE:
                    await self._create()
                case DriverCall.START:
                    await self._start()
                case DriverCall.STOP:
                    await self._stop()
                case DriverCall.REMOVE:
                    await self._remove()
        finally:
            self._act = None

    async def _create(self) -> None:
        spec = self._inventory.spec(self.instance)
        async with self._deadline("create", self._timeouts.create_s):
            await self._driver.instances.create(spec)

    async def _start(self) -> None:
        self._told = None
        if self.instance.rebooting and not self.instance.reboot_stopped:
            # Recorded, so that a crash after the start is not followed by a second reboot.
            self._observe(reboot_stopped=True)
        async with self._deadline("start", self._timeouts.start_s):
            await self._driver.instances.start(self.id)
        self._reboot_over()

    def _reboot_over(self) -> None:
        if self.instance.rebooting:
            self._observe(rebooting=False, reboot_stopped=False)

    async def _stop(self) -> None:
        grace = 0.0 if self._forced else self._timeouts.stop_grace_s
        async with self._deadline("stop", grace + self._timeouts.stop_s):
            await self._driver.instances.stop(self.id, grace_s=grace)

    async def _remove(self) -> None:
        await self._keep_console()
        async with self._deadline("remove", self._timeouts.remove_s):
            await self._driver.instances.remove(self.id)
        if self.instance.state is InstanceState.SHUTTING_DOWN:
            self._down(Event.REMOVED, self.instance.reason)

    async def _keep_console(self) -> None:
        """What the program printed can be read for a while after its guest is gone."""
        if self.instance.state is not InstanceState.SHUTTING_DOWN:
            return
        # The guest goes also where its console cannot be read.
        with contextlib.suppress(CloudError):
            async with deadline(self._timeouts.console_s, f"reading the console of {self.id}"):
                self._console.keep(self.id, await self._driver.shell.console(self.id))

    def _down(self, event: Event, reason: Reason | None) -> None:
        wanted = _WANTED.get(event, self.instance.wanted)
        self._move(event, reason=reason, wanted=wanted, **_whereabouts(self.instance, None))

    def _started(self, observed: GuestStatus | None) -> None:
        boots = self.instance.boots + 1
        where = _whereabouts(self.instance, observed.endpoint if observed else None)
        self._move(Event.STARTED, reason=None, launched_at=self._clock.now(), boots=boots, **where)

    def _refresh(self, observed: GuestStatus | None) -> None:
        self._reboot_over()
        if self.instance.state is InstanceState.RUNNING and observed and observed.endpoint:
            where = _whereabouts(self.instance, observed.endpoint)
            if where["address"] != self.instance.address or where["port"] != self.instance.port:
                self._observe(**where)

    def _move(self, event: Event, **fields: Any) -> None:
        before = self.instance
        state = next_state(before.state, event, subject=f"instance {self.id}")
        _log_change(before, self._observe(state=state, **_AFRESH, **fields))

    async def _after_failure(self, error: CloudError) -> None:
        self._failures += 1
        lasting = not isinstance(error, _TRANSIENT) or self._failures >= self._timeouts.tries
        if lasting and (failed := self._failed_boot()) is not None:
            event, verb = failed
            self._failures = 0
            self._move(event, reason=reasons.of_failure(verb, error.message), **_whereabouts(self.instance, None))
            return
        delay = self._timeouts.retry.delay_s(self._failures)
        _log.warning("driver_call_failed", id=self.id, error=error.message, failures=self._failures, again_s=delay)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()

    def _failed_boot(self) -> tuple[Event, str] | None:
        """What has failed if the guest cannot be brought up, and its name; None when no boot is under way."""
        if self.instance.state is InstanceState.PENDING:
            return (Event.START_FAILED, "start") if self.instance.boots else (Event.LAUNCH_FAILED, "launch")
        if self.instance.rebooting and self._tried is DriverCall.START:
            return Event.DIED, "reboot"
        return None

    def _break_off(self) -> None:
        if self._call is not None and not self._broken_off:
            self._broken_off = True
            # One whose time is over ends by itself.
            if not self._call.expired():
                self._call.reschedule(asyncio.get_running_loop().time())

    @contextlib.asynccontextmanager
    async def _deadline(self, verb: str, seconds: float) -> AsyncIterator[None]:
        """Ends what is awaited inside: after `seconds` (DeadlineExceeded), or when it is broken off (_BrokenOff)."""
        self._broken_off = False
        try:
            async with asyncio.timeout(seconds) as self._call:
                yield
        except TimeoutError:
            if self._broken_off:
                raise _BrokenOff from None
            raise DeadlineExceeded(f"{verb} of {self.id} did not end within {seconds:g} s") from None
        finally:
            self._call = None


def admitted(before: Instance, event: Event) -> dict[str, Any]:
    """The fields of the record that change when an owner asks for this; empty when nothing does.

    Raises Conflict where the lifecycle table lacks the event."""
    state = next_state(before.state, event, subject=f"instance {before.id}")
    if state is not before.state:
        return {"state": state, "wanted": _WANTED[event], "reason": _reason(before, event), **_AFRESH}
    # Recorded, so that a crash between its stop and its start does not make a death of it.
    return {"rebooting": True} if event is Event.REBOOT and not before.rebooting else {}


def _log_change(before: Instance, after: Instance) -> None:
    _log.info(
        "instance_state_changed",
        id=after.id,
        old=before.state.value,
        new=after.state.value,
        generation=after.generation,
        reason=after.reason.message if after.reason else None,
    )


def _internal(error: Exception) -> CloudError:
    """An unforeseen error as users may see it; what else it says is for the log."""
    if isinstance(error, OSError) and error.errno is not None:
        return Unavailable(f"the operating system refused it: {os.strerror(error.errno)}")
    return Internal("internal error; the platform's log has the details")


def _in_words(observed: GuestStatus | None) -> str:
    if observed is None:
        return "there is no guest"
    if observed.phase is GuestPhase.RUNNING:
        return "the guest runs" if observed.endpoint else "the guest runs without an address"
    return "the guest is stopped"


def _reason(before: Instance, event: Event) -> Reason | None:
    """Why the asked for change happens; a machine that died by itself keeps the reason of its death."""
    if event is Event.START:
        return None
    died = before.state is InstanceState.STOPPED and before.wanted is Wanted.RUNNING
    return before.reason if died else reasons.USER_SHUTDOWN


def _whereabouts(instance: Instance, endpoint: Endpoint | None) -> dict[str, Any]:
    """Address, port and the port's tag as the driver tells them."""
    tags = {key: value for key, value in instance.tags.items() if key != PORT_TAG}
    if endpoint is None:
        return {"address": None, "port": None, "tags": tags}
    if endpoint.port is not None:
        tags[PORT_TAG] = str(endpoint.port)
    return {"address": endpoint.address, "port": endpoint.port, "tags": tags}
