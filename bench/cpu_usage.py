"""Programs inside containers for a benchmark, their CPU time, and the share each is entitled to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmhost.drivers.cgroups import CgroupMounts, find_mounts

_LOOPS = 8
_LIGHT = """
import json, sys, time
took, due = [], time.monotonic() + 0.5
end = due + float(sys.argv[1])
while due < end:
    due += 0.02
    time.sleep(max(0.0, due - time.monotonic()))
    started = time.thread_time()
    while time.thread_time() - started < 0.001:
        pass
    took.append((time.monotonic() - due) * 1000)
print(json.dumps(sorted(took)))
"""
_BUSY = "import time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredInstance:
    """A running instance, with its CPU limits and its process."""

    container: str
    type_name: str
    host: str
    guaranteed: float
    ceiling: float
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time that the instance's control group has counted."""
        lines = Path(f"/proc/{self.pid}/cgroup").read_text().splitlines()
        return _counted(_tree(), lines)


def _tree() -> CgroupMounts:
    found = find_mounts(Path("/proc/self/mountinfo").read_text())
    assert found is not None
    return found


def _counted(mounts: CgroupMounts, lines: Sequence[str]) -> float:
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if mounts.version == 1 and "cpuacct" in controllers.split(","):
            return int((mounts.roots["cpuacct"] / path.strip("/") / "cpuacct.usage").read_text()) / 1e9
        if mounts.version == 2 and not controllers:
            rows = (mounts.roots["cpu"] / path.strip("/") / "cpu.stat").read_text().splitlines()
            return next(int(row.split()[1]) for row in rows if row.startswith("usage_usec")) / 1e6
    raise RuntimeError("no control group counts the CPU time of the instance")


async def call(*command: str) -> str:
    """Run a command; returns its output. Raises RuntimeError if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(
            f"{json.dumps(command[:4])} exited with code {process.returncode}: {errors.decode().strip()}"
        )
    return output.decode()


async def start_busy_loops(instances: Sequence[MeasuredInstance], seconds: float) -> None:
    """Start eight busy loops in each instance, for at most `seconds`."""
    loops = " & ".join([f"timeout -s KILL {seconds:g} sh -c 'while :; do :; done'"] * _LOOPS)
    await asyncio.gather(
        *(call("docker", "exec", "-d", one.container, "sh", "-c", f"{loops} & wait") for one in instances)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCores:
    """Cores used on average: by each instance, and by all other programs of the computer."""

    each: Sequence[float]
    others: float


async def used_cores(instances: Sequence[MeasuredInstance], seconds: float) -> UsedCores:
    """Measure the cores that each instance uses during the next `seconds`."""
    before, all_before = [one.cpu_seconds() for one in instances], _total_cpu_seconds()
    started = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    took, all_after = asyncio.get_running_loop().time() - started, _total_cpu_seconds()
    each = [(one.cpu_seconds() - earlier) / took for one, earlier in zip(instances, before, strict=True)]
    return UsedCores(each=each, others=max(0.0, (all_after - all_before) / took - sum(each)))


def _total_cpu_seconds() -> float:
    """CPU time that the whole computer has used so far."""
    user, nice, system, _idle, _waiting, irq, soft, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


async def light_service_ms(instance: MeasuredInstance, seconds: float) -> list[float]:
    """Run a job of 1 ms 50 times per second; returns the ms from when each was due until it was done, sorted."""
    found: list[float] = json.loads(
        await call("docker", "exec", instance.container, "python", "-c", _LIGHT, f"{seconds:g}")
    )
    return found


@contextlib.asynccontextmanager
async def busy_programs(count: int, *, seconds_max: float) -> AsyncIterator[None]:
    """Run `count` programs that never wait, outside the instances, where platform, front end and load generator run."""
    command = [sys.executable, "-S", "-c", _BUSY.format(seconds_max)]
    running = [await asyncio.create_subprocess_exec(*command) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                one.kill()
            await one.wait()


def entitled(cores: float, instances: Sequence[MeasuredInstance]) -> list[float]:
    """Divide the cores among instances that all want more: by weight, but none above its ceiling. Pure."""
    shares = [0.0] * len(instances)
    open_, left = set(range(len(instances))), cores
    while open_:
        weights = sum(instances[each].guaranteed for each in open_)
        full = {each for each in open_ if left * instances[each].guaranteed / weights >= instances[each].ceiling}
        for each in full or open_:
            shares[each] = instances[each].ceiling if full else left * instances[each].guaranteed / weights
        left -= sum(shares[each] for each in full)
        open_ = open_ - full if full else set()
    return shares
