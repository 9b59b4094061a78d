"""Faults on purpose, each bounded: a crash, and a program that burns all the CPU it can get."""

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
from vmhost.control.deadline import deadline
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
"""POSIX sh; $1 seconds, $2 the same rounded up, $3 workers. Each loop looks at the clock itself, so that all of them
end two seconds later even when nobody is left to end them."""


@dataclass(slots=True)
class _Hog:
    """A hog under way."""

    begun: FaultView
    over: asyncio.Future[FaultView]
    """Told once nothing of it runs any more."""
    unwanted: bool = False
    cut: asyncio.Timeout | None = None

    def end(self) -> None:
        """Breaks off what runs inside the guest, or keeps it from beginning; once is enough."""
        if not self.unwanted and self.cut is not None:
            self.cut.reschedule(asyncio.get_running_loop().time())
        self.unwanted = True


class Faults:
    """Carries out faults and tells of their begin and end."""

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
        self._begun: dict[str, FaultView] = {}
        self._ended: deque[FaultView] = deque(maxlen=_ENDED_KEPT)

    def running(self) -> tuple[FaultView, ...]:
        """Those that have begun and not ended, oldest first."""
        return tuple(self._begun.values())

    async def kill(self, instance_id: str) -> FaultView:
        """Ends the guest's program as a crash would; the platform learns of it from the driver's event alone.

        Raises NotFound, Conflict for an instance that does not run, DeadlineExceeded or Unavailable."""
        self._running(instance_id, "kill")
        begun = self._begin("kill", instance_id)
        try:
            async with deadline(_KILL_S, f"killing {instance_id}"):
                await self._driver.instances.kill(instance_id)
        finally:
            self._end(begun)
        return begun

    async def hog_cpu(self, instance_id: str, *, seconds: float = 10.0, workers_per_vcpu: int = 8) -> FaultView:
        """Begins to burn CPU inside the instance, under its limits, for so long; returns at once.

        Raises NotFound, InvalidInput, and Conflict for an instance that does not run or is hogged already."""
        instance = self._running(instance_id, "cpu_hog")
        workers = _workers(seconds, workers_per_vcpu, self._inventory.type_named(instance.type_name).vcpus)
        if instance_id in self._hogs:
            other = self._hogs[instance_id].begun.fault_id
            raise Conflict(f"instance {instance_id} is hogged already by {other}; wait for its end, or end it")
        begun = self._begin("cpu_hog", instance_id, seconds, workers)
        hog = self._hogs[instance_id] = _Hog(begun, asyncio.get_running_loop().create_future())
        self._tasks.spawn(lambda: self._hog(hog, seconds, workers), begun.fault_id, restart=False)
        return begun

    async def end(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """Ends a hog before its time, named by its id or by its instance; returns when nothing of it runs any more.

        One that has ended already is told as it ended. Raises InvalidInput unless just one name is given, NotFound,
        and Conflict for an instance that is not hogged."""
        if (fault_id is None) == (instance_id is None):
            raise InvalidInput("the fault to end is named by its id or by its instance; expected just one of them")
        hog = self._hog_of(instance_id) if instance_id is not None else self._hog_named(str(fault_id))
        if isinstance(hog, FaultView):
            return hog
        hog.end()
        async with deadline(_END_S, f"ending {hog.begun.fault_id}"):
            return await asyncio.shield(hog.over)

    def _hog_of(self, instance_id: str) -> _Hog:
        self._instances.get(instance_id)
        if instance_id not in self._hogs:
            raise Conflict(f"instance {instance_id} is not hogged; expected one inside which a hog runs")
        return self._hogs[instance_id]

    def _hog_named(self, fault_id: str) -> _Hog | FaultView:
        for hog in self._hogs.values():
            if hog.begun.fault_id == fault_id:
                return hog
        for ended in self._ended:
            if ended.fault_id == fault_id:
                return ended
        raise NotFound(f"there is no hog {fault_id[:60]!r}; expected one that began not long ago")

    async def _hog(self, hog: _Hog, seconds: float, workers: int) -> None:
        instance_id, limit = hog.begun.instance_id, seconds + _MARGIN_S
        command = ["sh", "-c", HOG_SCRIPT, "hog", f"{seconds:g}", str(math.ceil(seconds)), str(workers)]
        try:
            if not hog.unwanted:
                async with asyncio.timeout(None) as hog.cut, deadline(limit + _MARGIN_S, f"hogging {instance_id}"):
                    code = await self._driver.shell.execute(instance_id, command, timeout_s=limit)
                if code:
                    _log.warning("hog_ended_early", instance=instance_id, exit_code=code)
        except TimeoutError:
            _log.info("hog_ended_as_asked", instance=instance_id)
        except CloudError as error:
            _log.warning("hog_failed", instance=instance_id, error=error.message)
        finally:
            hog.cut = None
            self._hogs.pop(instance_id, None)
            hog.over.set_result(self._end(hog.begun))

    def _running(self, instance_id: str, fault: str) -> Instance:
        instance = self._instances.get(instance_id)
        if instance.state is not InstanceState.RUNNING:
            raise Conflict(f"instance {instance_id} is {instance.state}; {fault} needs running")
        return instance

    def _begin(self, fault: str, instance_id: str, seconds: float | None = None, workers: int = 0) -> FaultView:
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
        self._begun[view.fault_id] = view
        self._publish(view)
        return view

    def _end(self, begun: FaultView) -> FaultView:
        view = replace(begun, phase="ended", at=self._clock.now(), until=None)
        del self._begun[begun.fault_id]
        self._ended.append(view)
        self._publish(view)
        return view


def _workers(seconds: float, per_vcpu: int, vcpus: int) -> int:
    if not 0 < seconds <= MAX_HOG_S:
        raise InvalidInput(f"a hog of {seconds:g} s is not possible; expected more than 0 and at most {MAX_HOG_S:g}")
    if not 1 <= per_vcpu <= MAX_WORKERS_PER_VCPU:
        raise InvalidInput(f"{per_vcpu} workers per vCPU are not possible; expected 1 to {MAX_WORKERS_PER_VCPU}")
    return min(MAX_WORKERS, per_vcpu * vcpus)
