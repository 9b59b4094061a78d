"""Programs inside containers for a benchmark, what their control groups count, and what each is entitled to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmhost.drivers.cgroups import Tree, find_tree

_LOOPS = 8
_LIGHT = """
import json, sys, time
took, due = [], time.monotonic() + 0.5
end = due + float(sys.argv[1])
while due < end:
    due += 0.02
    time.sleep(max(0.0, due - time.monotonic()))
    begun = time.thread_time()
    while time.thread_time() - begun < 0.001:
        pass
    took.append((time.monotonic() - due) * 1000)
print(json.dumps(sorted(took)))
"""
_BUSY = "import time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A running instance as the benchmark needs it."""

    container: str
    type_name: str
    host: str
    guaranteed: float
    ceiling: float
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time that the instance's own control group has counted."""
        lines = Path(f"/proc/{self.pid}/cgroup").read_text().splitlines()
        return _counted(_tree(), lines)


def _tree() -> Tree:
    found = find_tree(Path("/proc/self/mountinfo").read_text())
    assert found is not None
    return found


def _counted(tree: Tree, lines: Sequence[str]) -> float:
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if tree.version == 1 and "cpuacct" in controllers.split(","):
            return int((tree.roots["cpuacct"] / path.strip("/") / "cpuacct.usage").read_text()) / 1e9
        if tree.version == 2 and not controllers:
            rows = (tree.roots["cpu"] / path.strip("/") / "cpu.stat").read_text().splitlines()
            return next(int(row.split()[1]) for row in rows if row.startswith("usage_usec")) / 1e6
    raise RuntimeError("no control group counts the CPU time of the instance")


async def call(*command: str) -> str:
    """What the command prints. Raises RuntimeError when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{json.dumps(command[:4])} ended with {process.returncode}: {complaint.decode().strip()}")
    return said.decode()


async def hungry(guests: Sequence[Guest], seconds: float) -> None:
    """Eight busy loops begin in each of them, for so many seconds at most."""
    loops = " & ".join([f"timeout -s KILL {seconds:g} sh -c 'while :; do :; done'"] * _LOOPS)
    await asyncio.gather(
        *(call("docker", "exec", "-d", one.container, "sh", "-c", f"{loops} & wait") for one in guests)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Cores used on average over some seconds: by each instance, and by all other programs of the machine."""

    each: Sequence[float]
    others: float


async def received(guests: Sequence[Guest], seconds: float) -> Received:
    """What each of them gets over so many seconds from now."""
    before, all_before = [one.cpu_seconds() for one in guests], _machine_seconds()
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    took, all_after = asyncio.get_running_loop().time() - begun, _machine_seconds()
    each = [(one.cpu_seconds() - earlier) / took for one, earlier in zip(guests, before, strict=True)]
    return Received(each=each, others=max(0.0, (all_after - all_before) / took - sum(each)))


def _machine_seconds() -> float:
    """CPU time that the whole machine has used so far."""
    user, nice, system, _idle, _waiting, irq, soft, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


async def light_service_ms(guest: Guest, seconds: float) -> list[float]:
    """Works for 1 ms, 50 times a second: milliseconds from when each was due to when it was done, sorted."""
    found: list[float] = json.loads(
        await call("docker", "exec", guest.container, "python", "-c", _LIGHT, f"{seconds:g}")
    )
    return found


@contextlib.asynccontextmanager
async def busy_programs(count: int, *, seconds_max: float) -> AsyncIterator[None]:
    """As many programs that never wait, where platform, front end and generator run: beside this one."""
    command = [sys.executable, "-S", "-c", _BUSY.format(seconds_max)]
    running = [await asyncio.create_subprocess_exec(*command) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                one.kill()
            await one.wait()


def entitled(cores: float, guests: Sequence[Guest]) -> list[float]:
    """How so many cores are divided when all want more: by weight, and nobody above its ceiling. Pure."""
    shares = [0.0] * len(guests)
    open_, left = set(range(len(guests))), cores
    while open_:
        weights = sum(guests[each].guaranteed for each in open_)
        full = {each for each in open_ if left * guests[each].guaranteed / weights >= guests[each].ceiling}
        for each in full or open_:
            shares[each] = guests[each].ceiling if full else left * guests[each].guaranteed / weights
        left -= sum(shares[each] for each in full)
        open_ = open_ - full if full else set()
    return shares
