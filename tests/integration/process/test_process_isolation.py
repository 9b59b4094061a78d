"""What holds a guest in: groups that really limit, and a watcher where there are none."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Collection
from dataclasses import replace

import psutil
import pytest
from process_guests import DEADLINE_S, limits, python
from test_process_driver import SLEEP, _printed, next_death

from vmhost.drivers.cgroups import ControlGroups, Usage
from vmhost.drivers.process.cgroup_isolation import CgroupIsolation
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.model.guest import Death, GuestSpec
from vmhost.model.host import Host

HOST = Host(id="host-a", zone="us-east-1a", cpu_cores=0.5, memory_mib=512, pids=100)
EAT = """
import time
eaten = []
while True:
    eaten.append(bytearray(4 << 20)); time.sleep(0.002)
"""
FORK = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except BlockingIOError:
    pass
print("made", made, "end", flush=True)
time.sleep(60)
"""


async def test_group_kills_a_guest_above_its_memory(walled: ProcessDriver) -> None:
    await walled.instances.create(python("i-1", EAT, memory_mib=48))
    events = walled.instances.events()
    await walled.instances.start("i-1")
    assert await next_death(events) == Death(exit_code=137, oom=True, detail="above its memory limit of 48 MiB")


async def test_failed_measurement_does_not_end_polling(watched: ProcessDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    usage, looks = watched.runtime.isolation.usage, itertools.count()

    async def now_and_then(spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        if next(looks) == 1:
            raise psutil.AccessDenied(1)
        return await usage(spec, leaders)

    monkeypatch.setattr(watched.runtime.isolation, "usage", now_and_then)
    await watched.instances.create(python("i-1", EAT.replace("0.002", "0.05"), memory_mib=48))
    events = watched.instances.events()
    await watched.instances.start("i-1")
    assert (await next_death(events)).oom


async def test_polling_kills_a_guest_above_its_memory(watched: ProcessDriver) -> None:
    await watched.instances.create(python("i-1", EAT, memory_mib=48))
    events = watched.instances.events()
    await watched.instances.start("i-1")
    assert await next_death(events) == Death(
        exit_code=137, oom=True, detail="above its memory limit of 48 MiB (polled)"
    )


async def test_restarted_guest_not_blamed_for_earlier_oom(walled: ProcessDriver) -> None:
    await walled.instances.create(
        python("i-1", f"import os\nif not os.path.exists('x'):\n open('x', 'w')\n{_indent(EAT)}{SLEEP}")
    )
    await walled.instances.resize("i-1", limits(memory_mib=48))
    events = walled.instances.events()
    await walled.instances.start("i-1")
    assert (await next_death(events)).oom
    await walled.instances.start("i-1")
    await walled.instances.kill("i-1")
    assert await next_death(events) == Death(exit_code=137, detail="killed by SIGKILL")


def _indent(program: str) -> str:
    return "".join(f" {line}\n" for line in program.strip().splitlines())


async def test_group_limits_the_processes_of_a_guest(walled: ProcessDriver) -> None:
    await walled.instances.create(python("i-1", FORK, pids=20))
    await walled.instances.start("i-1")
    assert int((await _printed(walled, "i-1", "end")).split()[1]) == 19
    used = await walled.instances.stats("i-1")
    assert used is not None
    assert used.pids == 20
    await walled.instances.kill("i-1")


async def test_command_has_the_limits_of_its_guest(walled: ProcessDriver) -> None:
    await walled.instances.create(python("i-1", SLEEP, memory_mib=48))
    await walled.instances.start("i-1")
    program = python("i-1", EAT).boot.command
    assert await walled.shell.execute("i-1", program, timeout_s=DEADLINE_S) == 137


async def test_resize_changes_a_running_guests_limits(walled: ProcessDriver) -> None:
    await walled.instances.create(python("i-1", EAT.replace("0.002", "0.05"), memory_mib=1024))
    events = walled.instances.events()
    await walled.instances.start("i-1")
    await walled.instances.resize("i-1", limits(memory_mib=40))
    assert (await next_death(events)).detail == "above its memory limit of 40 MiB"


async def test_guests_share_their_hosts_limits(walled: ProcessDriver) -> None:
    await walled.hosts.set_limits((replace(HOST, memory_mib=64),))
    await walled.instances.create(python("i-1", EAT, memory_mib=512))
    events = walled.instances.events()
    await walled.instances.start("i-1")
    assert (await next_death(events)).oom
    await walled.hosts.set_limits((HOST,))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins programs to CPUs")
async def test_program_starts_on_the_cpus_of_its_host(watched: ProcessDriver) -> None:
    """It can undo that, so it is not shown as enforced."""
    cpu = max(os.sched_getaffinity(0))
    host = replace(HOST, cpus=(cpu,), shared=False)
    await watched.hosts.set_limits((host,))
    spec = python("i-1", "import os; print('on', *os.sched_getaffinity(0), 'end', flush=True)\n" + SLEEP)
    await watched.instances.create(replace(spec, limits=replace(spec.limits, cpus=host.cpus)))
    await watched.instances.start("i-1")
    assert (await _printed(watched, "i-1", "end")).split() == ["on", str(cpu), "end"]
    shown = watched.capabilities().of("cores")
    assert not shown.enforced
    assert shown.why == f"programs start on the CPUs of their host (host-a: {cpu}), but can leave them"


async def test_all_guests_have_a_weight_and_hosts_no_quota(walled: ProcessDriver) -> None:
    groups = ControlGroups.detect()
    name = f"glasscloud-test-weight-{os.getpid()}"
    isolation = CgroupIsolation(groups, cloud_group=name)
    await isolation.prepare([HOST])
    await isolation.prepare([replace(HOST, cpus=(0,), shared=False)])
    root = groups.mounts.roots["cpu"] / name
    weight, quota = ("cpu.shares", "cpu.cfs_quota_us") if groups.version == 1 else ("cpu.weight", "cpu.max")
    assert (root / weight).read_text().split() == ["6144" if groups.version == 1 else "600"]
    assert (root / "host-a" / quota).read_text().split()[0] == ("-1" if groups.version == 1 else "max")
    await isolation.close()


SPIN = """
import time
started, end = time.process_time(), time.monotonic() + {}
while time.monotonic() < end:
    pass
print(time.process_time() - started, 'end')
"""


@pytest.mark.parametrize("cpu_limits", [False, True])
async def test_guests_have_cpu_limits_only_if_asked_for(walled: ProcessDriver, cpu_limits: bool) -> None:
    isolation = CgroupIsolation(
        ControlGroups.detect(), cloud_group=f"glasscloud-test-cpu-{os.getpid()}", cpu_limits=cpu_limits
    )
    await isolation.prepare([HOST])
    spec = python("i-1", SPIN.format(0.4) + SLEEP)
    spec = replace(spec, limits=replace(spec.limits, cpu_quota_cores=0.2))
    walled.runtime.opened_isolation = isolation
    await walled.instances.create(spec)
    await walled.instances.start("i-1")
    used = float((await _printed(walled, "i-1", "end")).split()[0])
    assert used < (0.2 if cpu_limits else 0.35)
    stats = await walled.instances.stats("i-1")
    assert stats is not None
    assert (stats.throttled_seconds is None) is not cpu_limits
    await walled.instances.remove("i-1")
    await isolation.close()


async def test_capabilities_say_what_is_enforced(walled: ProcessDriver, watched: ProcessDriver) -> None:
    held, seen = walled.capabilities(), watched.capabilities()
    assert "share its kernel limits" in held.of("user").why
    assert held.stands_for == "plain processes on one OS"
    names = ("crash", "cpu", "memory", "pids", "host")
    assert [held.of(name).enforced for name in names] == [True, False, True, True, True]
    assert [seen.of(name).enforced for name in names] == [True, False, False, False, False]
    assert "measured" in seen.of("memory").why
    assert "GLASSCLOUD_PROCESS_CPU_LIMITS" in held.of("cpu").why
    assert "only all instances together have a weight" in held.of("cpu").why
    assert {item.name for item in held.items}.isdisjoint({"resize", "stats", "metadata", "keep"})
    assert "processes share the host's CPUs" in seen.of("cpu").why


_BURN = """
import time
while time.process_time() < 0.2:
    pass
"""


async def test_cpu_time_never_goes_back(watched: ProcessDriver) -> None:
    await watched.instances.create(python("i-1", SLEEP))
    await watched.instances.start("i-1")
    seen = []
    spin = asyncio.create_task(watched.shell.execute("i-1", python("i-1", _BURN).boot.command, timeout_s=DEADLINE_S))
    while not spin.done():
        used = await watched.instances.stats("i-1")
        assert used is not None
        seen.append(used.cpu_seconds)
        await asyncio.sleep(0.02)
    used = await watched.instances.stats("i-1")
    assert used is not None
    seen.append(used.cpu_seconds)
    assert seen == sorted(seen)
    assert seen[-1] > 0.1
