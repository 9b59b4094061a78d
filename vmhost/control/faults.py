"""Faults on purpose, each bounded: a crash, and a program that burns all the CPU it can get."""

from __future__ import annotations

import math
from collections.abc import Callable

from vmhost.api.views import FaultView
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Conflict, InvalidInput
from vmhost.base.ids import Ids
from vmhost.base.logs import get_logger
from vmhost.control.crew import Crew
from vmhost.control.records import Records
from vmhost.control.within import within
from vmhost.drivers.base import Driver
from vmhost.model.instance import Instance, InstanceState

MAX_HOG_S = 60.0
MAX_WORKERS_PER_VCPU = 64
MAX_WORKERS = 256
_KILL_S = 10.0
_MARGIN_S = 5.0
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


class Faults:
    """Carries out faults and tells of their begin and end."""

    def __init__(
        self,
        *,
        records: Records,
        driver: Driver,
        crew: Crew,
        clock: Clock,
        ids: Ids,
        vcpus: Callable[[Instance], int],
        publish: Callable[[FaultView], None],
    ) -> None:
        self._records = records
        self._driver = driver
        self._crew = crew
        self._clock = clock
        self._ids = ids
        self._vcpus = vcpus
        self._publish = publish
        self._hogs: dict[str, str] = {}

    async def kill(self, instance_id: str) -> FaultView:
        """Ends the guest's program as a crash would; the platform learns of it from the driver's event alone.

        Raises NotFound, Conflict for an instance that does not run, DeadlineExceeded or Unavailable."""
        self._running(instance_id, "kill")
        begun = self._tell(self._ids.new("fault"), "kill", instance_id, "begun")
        try:
            async with within(_KILL_S, f"killing {instance_id}"):
                await self._driver.kill(instance_id)
        finally:
            self._tell(begun.fault_id, "kill", instance_id, "ended")
        return begun

    async def hog_cpu(self, instance_id: str, *, seconds: float, workers_per_vcpu: int) -> FaultView:
        """Begins to burn CPU inside the instance, under its limits, for so long; returns at once.

        Raises NotFound, InvalidInput, and Conflict for an instance that does not run or is hogged already."""
        instance = self._running(instance_id, "cpu_hog")
        workers = _workers(seconds, workers_per_vcpu, self._vcpus(instance))
        if instance_id in self._hogs:
            raise Conflict(f"instance {instance_id} is hogged already by {self._hogs[instance_id]}; wait for its end")
        begun = self._tell(self._ids.new("fault"), "cpu_hog", instance_id, "begun")
        self._hogs[instance_id] = begun.fault_id
        self._crew.spawn(lambda: self._hog(begun, seconds, workers), begun.fault_id, again=False)
        return begun

    async def _hog(self, begun: FaultView, seconds: float, workers: int) -> None:
        command = ["sh", "-c", HOG_SCRIPT, "hog", f"{seconds:g}", str(math.ceil(seconds)), str(workers)]
        limit = seconds + _MARGIN_S
        try:
            async with within(limit + _MARGIN_S, f"hogging {begun.instance_id}"):
                code = await self._driver.execute(begun.instance_id, command, timeout_s=limit)
            if code:
                _log.warning("hog_ended_early", instance=begun.instance_id, exit_code=code)
        except CloudError as error:
            _log.warning("hog_failed", instance=begun.instance_id, error=error.message)
        finally:
            self._hogs.pop(begun.instance_id, None)
            self._tell(begun.fault_id, "cpu_hog", begun.instance_id, "ended")

    def _running(self, instance_id: str, fault: str) -> Instance:
        instance = self._records.instance(instance_id)
        if instance.state is not InstanceState.RUNNING:
            raise Conflict(f"instance {instance_id} is {instance.state}; {fault} needs running")
        return instance

    def _tell(self, fault_id: str, fault: str, instance_id: str, phase: str) -> FaultView:
        view = FaultView(fault_id=fault_id, fault=fault, instance_id=instance_id, phase=phase, at=self._clock.now())
        self._publish(view)
        return view


def _workers(seconds: float, per_vcpu: int, vcpus: int) -> int:
    if not 0 < seconds <= MAX_HOG_S:
        raise InvalidInput(f"a hog of {seconds:g} s is not possible; expected more than 0 and at most {MAX_HOG_S:g}")
    if not 1 <= per_vcpu <= MAX_WORKERS_PER_VCPU:
        raise InvalidInput(f"{per_vcpu} workers per vCPU are not possible; expected 1 to {MAX_WORKERS_PER_VCPU}")
    return min(MAX_WORKERS, per_vcpu * vcpus)
