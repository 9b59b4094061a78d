"""The fault `cpu_hog`: busy loops inside the instance use all the CPU that it can get, within its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vmhost.api.parameters import parameter
from vmhost.base.logs import get_logger
from vmhost.faults.fault import Fault, Target

MAX_WORKERS = 256
_MARGIN_S = 5.0
"""For the script to end by itself before it is killed."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HogCpu(Fault):
    """Runs a number of endless loops for each vCPU of the instance."""

    name: ClassVar[str] = "cpu_hog"
    title: ClassVar[str] = "CPU hog"
    summary: ClassVar[str] = "uses all the CPU it can get"

    seconds: float = parameter(10.0, label="seconds", least=0.01, most=60.0, unit="s")
    workers_per_vcpu: int = parameter(8, label="busy loops per vCPU", least=1, most=64)

    @property
    def duration_s(self) -> float:
        """Return how long the loops run."""
        return self.seconds

    def details(self, target: Target) -> Mapping[str, float]:
        """Return the number of loops: the number of cores that they could use."""
        return {"workers": self._workers(target)}

    async def inject(self, target: Target) -> None:
        """Run the loops inside the instance until their end."""
        arguments = [f"{self.seconds:g}", str(math.ceil(self.seconds)), str(self._workers(target))]
        command = ["sh", "-c", HOG_SCRIPT, "hog", *arguments]
        code = await target.driver.shell.execute(target.instance_id, command, timeout_s=self.seconds + _MARGIN_S)
        if code:
            _log.warning("cpu_hog_ended_early", instance=target.instance_id, exit_code=code)

    def _workers(self, target: Target) -> int:
        return min(MAX_WORKERS, self.workers_per_vcpu * target.vcpus)
