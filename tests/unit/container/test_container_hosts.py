"""Walls round logical hosts, on folders that look like the kernel's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmhost.base.errors import Unsupported
from vmhost.drivers.cgroups import CgroupMounts, ControlGroups
from vmhost.drivers.container.engine_responses import EngineInfo, read_info
from vmhost.drivers.container.host_cgroups import HostCgroups
from vmhost.model.host import Host

HOST = Host(id="host-a", zone="us-east-1a", cpu_cores=0.5, memory_mib=64, pids=100)
GROUP = "glasscloud-c/host-a"


def _info(driver: str = "cgroupfs") -> EngineInfo:
    return read_info({"NCPU": 2, "MemTotal": 1 << 30, "CgroupDriver": driver, "CgroupVersion": "2"})


@pytest.fixture
def groups(tmp_path: Path) -> ControlGroups:
    """A folder like version 2's, with the host's group in it."""
    (tmp_path / GROUP).mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "glasscloud-c"):
        (folder / "cgroup.subtree_control").write_text("cpu memory pids")
    (tmp_path / GROUP / "memory.current").write_text(str(32 << 20))
    return ControlGroups(CgroupMounts(version=2, roots=dict.fromkeys(("cpu", "memory", "pids"), tmp_path)))


def _hosts(groups: ControlGroups) -> HostCgroups:
    return HostCgroups(cloud="c", info=_info(), on_engines_machine=True, detect=lambda: groups)


async def test_a_host_is_a_group_with_its_limits(groups: ControlGroups, tmp_path: Path) -> None:
    hosts = _hosts(groups)
    await hosts.prepare([HOST])
    assert hosts.why_not == ""
    assert hosts.parent("host-a") == f"/{GROUP}"
    assert hosts.parent("host-b") is None
    wanted = {"cpu.max": "50000 100000", "memory.max": str(64 << 20), "pids.max": "100"}
    assert {name: (tmp_path / GROUP / name).read_text() for name in wanted} == wanted


async def test_host_with_own_cpus_has_no_quota(groups: ControlGroups, tmp_path: Path) -> None:
    """A former quota is lifted: the set of CPUs bounds the host, and the weight secures what is guaranteed there."""
    (tmp_path / GROUP / "cpu.max").write_text("7500 10000")
    hosts = _hosts(groups)
    await hosts.prepare(
        [replace(HOST, id=f"host-{letter}", cpus=(cpu,), shared=False) for cpu, letter in enumerate("ab")]
    )
    assert (tmp_path / GROUP / "cpu.max").read_text() == "max 100000"
    assert (tmp_path / "glasscloud-c/cpu.weight").read_text() == "1200"
    assert hosts.holds_all


async def test_refused_limit_is_reported_and_others_hold(groups: ControlGroups, tmp_path: Path) -> None:
    (tmp_path / GROUP / "cpu.max").mkdir()
    hosts = _hosts(groups)
    await hosts.prepare([HOST])
    assert hosts.why_not.startswith("host-a: ")
    assert "cpu.max cannot be written" in hosts.why_not
    assert hosts.parent("host-a") == f"/{GROUP}"
    assert (tmp_path / GROUP / "memory.max").read_text() == str(64 << 20)
    assert (tmp_path / GROUP / "pids.max").read_text() == "100"
    (tmp_path / GROUP / "cpu.max").rmdir()
    await hosts.prepare([HOST])
    assert hosts.why_not == ""


async def test_smaller_host_kills_no_guest(groups: ControlGroups, tmp_path: Path) -> None:
    (tmp_path / GROUP / "memory.current").write_text(str(80 << 20))
    hosts = _hosts(groups)
    await hosts.prepare([HOST])
    assert hosts.why_not == "host-a: its instances use 80 MiB, more than its 64 MiB"
    assert not (tmp_path / GROUP / "memory.max").exists()
    assert (tmp_path / GROUP / "cpu.max").read_text() == "50000 100000"


async def test_missing_host_isolation_is_explained() -> None:
    def none() -> ControlGroups:
        raise Unsupported("no groups here")

    def make(driver: str = "cgroupfs", *, here: bool = True) -> HostCgroups:
        return HostCgroups(cloud="c", info=_info(driver), on_engines_machine=here, detect=none)

    assert make().why_not == "no groups here"
    assert "systemd" in make("systemd").why_not
    assert "not on this computer" in make(here=False).why_not
    await make().prepare([HOST])
    assert make().parent("host-a") is None
    assert not make().holds_all
