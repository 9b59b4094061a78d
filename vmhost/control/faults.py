"""The requests about faults: inject one into a running instance, and end one early."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from vmhost.api.views import FaultView
from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound
from vmhost.base.logs import get_logger
from vmhost.control.deadline import Interrupted, Limited, deadline
from vmhost.control.instances.record import INSTANCES, InstanceState
from vmhost.control.service_context import ServiceContext
from vmhost.faults.fault import Fault, Target

_MARGIN_S = 10.0
"""Time for a fault beyond its duration."""
_END_S = 5.0
_ENDED_KEPT = 200
_log = get_logger("faults")


@dataclass(slots=True)
class _Lasting:
    """A fault that goes on until its duration is over."""

    started: FaultView
    ended: asyncio.Future[FaultView]
    """Set when nothing of it goes on any more."""
    is_cancelled: bool = False
    injection: Limited | None = None

    def cancel(self) -> None:
        """End it, or prevent its start."""
        if not self.is_cancelled and self.injection is not None:
            self.injection.interrupt()
        self.is_cancelled = True


class FaultService:
    """Injects faults, and publishes when they start and end."""

    def __init__(self, context: ServiceContext, publish: Callable[[FaultView], None]) -> None:
        self._context = context
        self._instances = context.resources.table(INSTANCES)
        self._publish = publish
        self._lasting: dict[tuple[str, str], _Lasting] = {}
        """By instance and name of the fault."""
        self._running: dict[str, FaultView] = {}
        self._ended: deque[FaultView] = deque(maxlen=_ENDED_KEPT)

    def running(self) -> tuple[FaultView, ...]:
        """Return the faults that have not ended, oldest first."""
        return tuple(self._running.values())

    async def inject(self, instance_id: str, fault: Fault) -> FaultView:
        """Inject the fault and return its start: after its end if it happens at once, immediately if it lasts.

        Raises NotFound, Unavailable, DeadlineExceeded, or Conflict if the instance does not run or has this fault."""
        target = self._target(instance_id, fault)
        if (other := self._lasting.get((instance_id, fault.name))) is not None:
            raise Conflict(
                f"instance {instance_id} already has the fault {fault.name}, {other.started.fault_id}; "
                "wait for its end, or end it"
            )
        started = self._start(fault, target)
        if fault.duration_s is not None:
            lasting = _Lasting(started, asyncio.get_running_loop().create_future())
            self._lasting[instance_id, fault.name] = lasting
            self._context.tasks.spawn(lambda: self._run(lasting, fault, target), started.fault_id)
            return started
        try:
            async with deadline(self._context.clock, _MARGIN_S, f"{fault.name} of {instance_id}"):
                await fault.inject(target)
        finally:
            self._end(started)
        return started

    async def end(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """End a fault early, given its id or its instance; return when nothing of it goes on any more.

        Returns the end of one that has ended already. Raises InvalidInput unless exactly one id is given, NotFound, or
        Conflict if no fault is running in the instance."""
        if (fault_id is None) == (instance_id is None):
            raise InvalidInput("give either the id of the fault to end or its instance")
        found = self._in_instance(instance_id) if instance_id is not None else self._by_id(str(fault_id))
        if isinstance(found, FaultView):
            return found
        found.cancel()
        async with deadline(self._context.clock, _END_S, f"ending {found.started.fault_id}"):
            return await asyncio.shield(found.ended)

    def _target(self, instance_id: str, fault: Fault) -> Target:
        instance = self._instances.get(instance_id)
        if instance.api_state is not InstanceState.RUNNING:
            raise Conflict(f"instance {instance_id} is {instance.api_state}; {fault.name} needs running")
        vcpus = self._context.inventory.type_named(instance.type_name).vcpus
        return Target(instance_id=instance_id, vcpus=vcpus, driver=self._context.driver)

    def _in_instance(self, instance_id: str) -> _Lasting:
        self._instances.get(instance_id)
        found = [lasting for (owner, _), lasting in self._lasting.items() if owner == instance_id]
        if not found:
            raise Conflict(f"no fault is running in instance {instance_id}")
        if len(found) > 1:
            ids = ", ".join(each.started.fault_id for each in found)
            raise InvalidInput(f"several faults are running in instance {instance_id}: {ids}; give one of their ids")
        return found[0]

    def _by_id(self, fault_id: str) -> _Lasting | FaultView:
        for lasting in self._lasting.values():
            if lasting.started.fault_id == fault_id:
                return lasting
        for ended in self._ended:
            if ended.fault_id == fault_id:
                return ended
        raise NotFound(f"there is no recent fault {fault_id[:60]!r}")

    async def _run(self, lasting: _Lasting, fault: Fault, target: Target) -> None:
        limit_s = (fault.duration_s or 0.0) + _MARGIN_S
        try:
            if not lasting.is_cancelled:
                subject = f"{fault.name} in {target.instance_id}"
                async with deadline(self._context.clock, limit_s, subject) as lasting.injection:
                    await fault.inject(target)
        except Interrupted:
            _log.info("fault_cancelled", fault=fault.name, instance=target.instance_id)
        except CloudError as error:
            _log.warning("fault_failed", fault=fault.name, instance=target.instance_id, error=error.message)
        finally:
            lasting.injection = None
            self._lasting.pop((target.instance_id, fault.name), None)
            lasting.ended.set_result(self._end(lasting.started))

    def _start(self, fault: Fault, target: Target) -> FaultView:
        now = self._context.clock.now()
        view = FaultView(
            fault_id=self._context.ids.new("fault"),
            fault=fault.name,
            instance_id=target.instance_id,
            phase="started",
            at=now,
            until=None if fault.duration_s is None else now + fault.duration_s,
            details=dict(fault.details(target)),
        )
        self._running[view.fault_id] = view
        self._publish(view)
        return view

    def _end(self, started: FaultView) -> FaultView:
        view = replace(started, phase="ended", at=self._context.clock.now(), until=None)
        del self._running[started.fault_id]
        self._ended.append(view)
        self._publish(view)
        return view
