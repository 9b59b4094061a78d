"""Guests behind the user's service manager; its two commands are played by scripts that write down what was asked."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from process_guests import limits, python
from test_process_driver import SLEEP, _printed

from vmhost.base.errors import Unsupported
from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.drivers.process.systemd_isolation import ServiceManager, SystemdIsolation, managers_group, properties
from vmhost.model.host import Host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="service managers of users exist on Linux only")

SYSTEMD_RUN = """#!/bin/sh
echo "systemd-run $*" >> "$(dirname "$0")/asked"
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> "$(dirname "$0")/asked"
case "$2" in show) echo /the/guest ;; revert) exit 1 ;; esac
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the two commands, found first."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("systemd-run", SYSTEMD_RUN), ("systemctl", SYSTEMCTL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/of-the-test")
    group = tmp_path / "groups/the/guest"
    group.mkdir(parents=True)
    for file, text in (
        ("memory.current", str(64 << 20)),
        ("memory.stat", f"anon 1\ninactive_file {16 << 20}\n"),
        ("cpu.stat", "usage_usec 1500000\n"),
        ("pids.current", "3\n"),
        ("memory.events", "oom 0\noom_kill 0\n"),
        ("cgroup.procs", ""),
    ):
        (group / file).write_text(text)
    return tools


@pytest.fixture
async def scoped(manager: Path, context: DriverContext, tmp_path: Path) -> AsyncIterator[ProcessDriver]:
    """A driver that asks the manager."""
    answering = ServiceManager(root=tmp_path / "groups", controllers=frozenset({"memory", "pids", "cpu"}))
    driver = ProcessDriver(context, isolation=SystemdIsolation(answering, cloud_slice="glasscloud-t"))
    await driver.open()
    yield driver
    await driver.close(remove=True)


async def test_guest_runs_in_its_own_slice_with_limits(scoped: ProcessDriver, manager: Path) -> None:
    host = Host(id="host-a", zone="us-east-1a", cpu_cores=0.75, memory_mib=900, pids=400)
    await scoped.hosts.set_limits((host,))
    await scoped.instances.create(
        python("i-1", "import os; print('seen', os.environ.get('XDG_RUNTIME_DIR'))\n" + SLEEP)
    )
    await scoped.instances.start("i-1")
    await _printed(scoped, "i-1", "seen None")
    used = await scoped.instances.stats("i-1")
    assert used is not None
    assert (used.cpu_seconds, used.memory_mib, used.pids) == (1.5, 48.0, 3)
    await scoped.instances.resize("i-1", replace(limits(), memory_mib=99))
    await scoped.instances.remove("i-1")
    asked = (manager / "asked").read_text()
    slice_ = "glasscloud-t-host_a-i_1.slice"
    for words in (
        "--runtime glasscloud-t-host_a.slice MemoryMax=900M MemorySwapMax=0 TasksMax=400 CPUQuota=75%",
        f"--runtime {slice_} MemoryMax=256M MemorySwapMax=0 TasksMax=64\n",
        f"systemd-run --user --scope --quiet --collect --slice={slice_} -- env -u XDG_RUNTIME_DIR",
        f"--runtime {slice_} MemoryMax=99M MemorySwapMax=0 TasksMax=64\n",
        f"systemctl --user stop {slice_}",
    ):
        assert words in asked


async def test_a_command_enters_its_guests_slice(scoped: ProcessDriver, manager: Path) -> None:
    await scoped.instances.create(python("i-1", SLEEP))
    await scoped.instances.start("i-1")
    assert await scoped.shell.execute("i-1", ["sh", "-c", "exit 5"], timeout_s=5) == 5
    assert (manager / "asked").read_text().count("--slice=glasscloud-t-host_a-i_1.slice") == 2


def test_capabilities_depend_on_delegated_controllers() -> None:
    less = SystemdIsolation(
        ServiceManager(root=Path(), controllers=frozenset({"memory", "pids"})), cloud_slice="x", cpu_limits=True
    )
    assert {item.name: item.enforced for item in less.capabilities()} == {
        "cpu": False,
        "memory": True,
        "pids": True,
        "host": False,
    }
    assert "it may not limit CPU" in next(item.why for item in less.capabilities() if item.name == "cpu")
    assert properties(10, 20, 0.5) == ("MemoryMax=10M", "MemorySwapMax=0", "TasksMax=20", "CPUQuota=50%")


@pytest.mark.parametrize(
    ("cgroup", "group"),
    [
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n",
            "user.slice/user-1000.slice/user@1000.service",
        ),
        ("1:name=systemd:/\n0::/init/app.slice/run-1.scope\n", "init/app.slice"),
    ],
)
def test_the_managers_own_group_is_found(cgroup: str, group: str) -> None:
    assert managers_group(cgroup) == group


async def test_no_manager_with_control_groups_version_one(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text("35 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
    with pytest.raises(Unsupported, match="version 2"):
        await ServiceManager.detect(tmp_path)


async def test_unreachable_manager_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text("35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="systemd-run cannot be run"):
        await ServiceManager.detect(tmp_path)
