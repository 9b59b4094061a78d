"""Injected faults, each bounded: a crash, and a program that uses all the CPU it can get (CPU hog)."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from vmhost.api.views import FaultView
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound
from vmhost.base.ids import Ids
from vmhost.base.logs import get_logger
from vmhost.control.deadline import Interrupted, Limited, deadline
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.control.inventory import Inventory
from vmhost.control.resources import Table
from vmhost.control.task_supervisor import TaskSupervisor
from vmhost.drivers.ports import Driver

MAX_HOG_S = 60.0
MAX_WORKERS_PER_VCPU = 64
MAX_WORKERS = 256
_KILL_S = 10.0
_MARGIN_S = 5.0
_END_S = 5.0
_ENDED_KEPT = 200
_log = get_logger("faults")

HOG_SCRIPT = """
end=$(($(date +%s) + $2 + 2))
burn() {
    while [ "$(date +%s)" -lt "$end" ]; do
        i=0
        while [ "$i" -lt 20000 ]; do i=$((i + 1)); done
    done
}
pids=
n=0
while [ "$n" -lt "$3" ]; do burn & pids="$pids $!"; n=$((n + 1)); done
sleep "$1" &
timer=$!
trap 'kill $pids $timer 2>/dev/null; exit 0' TERM INT HUP
wait $timer
kill $pids 2>/dev/null
wait
exit 0
"""
"""POSIX sh; $1 seconds, $2 the same rounded up, $3 workers. Each loop checks the time itself, so that all of them end
two seconds later even if the script was killed."""


@dataclass(slots=True)
class _Hog:
    """A running CPU hog."""

    started: FaultView
    ended: asyncio.Future[FaultView]
    """Set when none of its processes runs any more."""
    is_cancelled: bool = False
    call: Limited | None = None
    """The command inside the guest, while it runs."""

    def cancel(self) -> None:
        """End the command, or prevent its start."""
        if not self.is_cancelled and self.call is not None:
            self.call.interrupt()
        self.is_cancelled = True


class Faults:
    """Injects faults and publishes when they start and end."""

    def __init__(
        self,
        *,
        instances: Table[Instance],
        inventory: Inventory,
        driver: Driver,
        tasks: TaskSupervisor,
        clock: Clock,
        ids: Ids,
        publish: Callable[[FaultView], None],
    ) -> None:
        self._instances = instances
        self._inventory = inventory
        self._driver = driver
        self._tasks = tasks
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._hogs: dict[str, _Hog] = {}
        self._running: dict[str, FaultView] = {}
        self._ended: deque[FaultView] = deque(maxlen=_ENDED_KEPT)

    def running(self) -> tuple[FaultView, ...]:
        """Return the faults that have not ended, oldest first."""
        return tuple(self._running.values())

    async def kill(self, instance_id: str) -> FaultView:
        """End the guest's program as a crash would; the platform learns of it only from the driver's event.

        Raises NotFound, Conflict for an instance that does not run, DeadlineExceeded or Unavailable."""
        self._running_instance(instance_id, "kill")
        started = self._start("kill", instance_id)
        try:
            async with deadline(self._clock, _KILL_S, f"killing {instance_id}"):
                await self._driver.instances.kill(instance_id)
        finally:
            self._end(started)
        return started

    async def hog_cpu(self, instance_id: str, *, seconds: float = 10.0, workers_per_vcpu: int = 8) -> FaultView:
        """Use all CPU that the instance can get, within its limits, for this time. Returns at once.

        Raises NotFound, InvalidInput, or Conflict if the instance does not run or has a hog already."""
        instance = self._running_instance(instance_id, "cpu_hog")
        workers = _workers(seconds, workers_per_vcpu, self._inventory.type_named(instance.type_name).vcpus)
        if instance_id in self._hogs:
            other = self._hogs[instance_id].started.fault_id
            raise Conflict(f"instance {instance_id} already has a CPU hog, {other}; wait for its end, or end it")
        started = self._start("cpu_hog", instance_id, seconds, workers)
        hog = self._hogs[instance_id] = _Hog(started, asyncio.get_running_loop().create_future())
        self._tasks.spawn(lambda: self._hog(hog, seconds, workers), started.fault_id, restart=False)
        return started

    async def end(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """End a hog early, given its id or its instance; return when none of its processes runs any more.

        Returns the end of one that has ended already. Raises InvalidInput unless exactly one id is given, NotFound, or
        Conflict for an instance without a hog."""
        if (fault_id is None) == (instance_id is None):
            raise InvalidInput("give either the id of the fault to end or its instance")
        hog = self._hog_of(instance_id) if instance_id is not None else self._hog_named(str(fault_id))
        if isinstance(hog, FaultView):
            return hog
        hog.cancel()
        async with deadline(self._clock, _END_S, f"ending {hog.started.fault_id}"):
            return await asyncio.shield(hog.ended)

    def _hog_of(self, instance_id: str) -> _Hog:
        self._instances.get(instance_id)
        if instance_id not in self._hogs:
            raise Conflict(f"instance {instance_id} has no CPU hog")
        return self._hogs[instance_id]

    def _hog_named(self, fault_id: str) -> _Hog | FaultView:
        for hog in self._hogs.values():
            if hog.started.fault_id == fault_id:
                return hog
        for ended in self._ended:
            if ended.fault_id == fault_id:
                return ended
        raise NotFound(f"there is no recent fault {fault_id[:60]!r}")

    async def _hog(self, hog: _Hog, seconds: float, workers: int) -> None:
        instance_id, limit = hog.started.instance_id, seconds + _MARGIN_S
        command = ["sh", "-c", HOG_SCRIPT, "hog", f"{seconds:g}", str(math.ceil(seconds)), str(workers)]
        try:
            if not hog.is_cancelled:
                async with deadline(self._clock, limit + _MARGIN_S, f"the CPU hog in {instance_id}") as hog.call:
                    code = await self._driver.shell.execute(instance_id, command, timeout_s=limit)
                if code:
                    _log.warning("hog_ended_early", instance=instance_id, exit_code=code)
        except Interrupted:
            _log.info("hog_cancelled", instance=instance_id)
        except CloudError as error:
            _log.warning("hog_failed", instance=instance_id, error=error.message)
        finally:
            hog.call = None
            self._hogs.pop(instance_id, None)
            hog.ended.set_result(self._end(hog.started))

    def _running_instance(self, instance_id: str, fault: str) -> Instance:
        instance = self._instances.get(instance_id)
        if instance.api_state is not InstanceState.RUNNING:
            raise Conflict(f"instance {instance_id} is {instance.api_state}; {fault} needs running")
        return instance

    def _start(self, fault: str, instance_id: str, seconds: float | None = None, workers: int = 0) -> FaultView:
        now = self._clock.now()
        view = FaultView(
            fault_id=self._ids.new("fault"),
            fault=fault,
            instance_id=instance_id,
            phase="started",
            at=now,
            until=None if seconds is None else now + seconds,
            workers=workers,
        )
        self._running[view.fault_id] = view
        self._publish(view)
        return view

    def _end(self, started: FaultView) -> FaultView:
        view = replace(started, phase="ended", at=self._clock.now(), until=None)
        del self._running[started.fault_id]
        self._ended.append(view)
        self._publish(view)
        return view


def _workers(seconds: float, per_vcpu: int, vcpus: int) -> int:
    if not 0 < seconds <= MAX_HOG_S:
        raise InvalidInput(f"a hog of {seconds:g} s is out of range (above 0, at most {MAX_HOG_S:g} s)")
    if not 1 <= per_vcpu <= MAX_WORKERS_PER_VCPU:
        raise InvalidInput(f"{per_vcpu} workers per vCPU is out of range (1 to {MAX_WORKERS_PER_VCPU})")
    return min(MAX_WORKERS, per_vcpu * vcpus)
