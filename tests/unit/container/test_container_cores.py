"""Which CPUs guests may run on, and whether they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmhost.drivers.container.cpu_sets import CpuSets, named_cpus
from vmhost.drivers.container.engine_responses import Container, EngineInfo, read_container, read_info
from vmhost.model.host import Host

INFO = read_info({"NCPU": 2, "MemTotal": 1 << 30})
HOSTS = [
    Host(
        id=f"host-{letter}", zone=f"us-east-1{letter}", cpu_cores=0.75, memory_mib=1, pids=1, cpus=(cpu,), shared=False
    )
    for cpu, letter in enumerate("ab")
]


def _container(cpus: str = "0") -> Container:
    return read_container(
        {
            "Id": "c",
            "State": {"Running": True, "Pid": 7},
            "Config": {"Labels": {"glasscloud.instance": "i-1", "glasscloud.host": "host-a"}},
            "HostConfig": {"CpusetCpus": cpus},
        }
    )


def _sets(*, info: EngineInfo = INFO, sees: bool = True, proc: Path = Path("/proc")) -> CpuSets:
    sets = CpuSets(info=info, sees_processes=sees, proc=proc)
    sets.prepare(HOSTS)
    return sets


@pytest.mark.parametrize(
    ("refusal", "cpus"),
    [
        ("Requested CPUs are not available - requested 8191, available: 0-1", (0, 1)),
        ("requested 8191, available: 2,4-5.", (2, 4, 5)),
        ("No such image: glasscloud-no-such-image:latest", ()),
    ],
)
def test_refusal_names_the_cpus_that_exist(refusal: str, cpus: tuple[int, ...]) -> None:
    assert named_cpus(refusal) == cpus


def test_each_hosts_cpus_are_shown() -> None:
    shown = _sets().capability()
    assert shown.enforced
    assert "host-a: 0, host-b: 1" in shown.why


def test_ignored_cpu_set_is_not_enforced(tmp_path: Path) -> None:
    """By what the kernel says of the running program, whatever the engine was asked for."""
    sets = _sets(proc=tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7/status").write_text("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n")
    sets.check(_container())
    assert not sets.capability().enforced
    assert sets.capability().why == "i-1 runs on CPUs 0-1, not on 0 of host-a"
    (tmp_path / "7/status").write_text("Cpus_allowed_list:\t0\n")
    sets.check(_container())
    assert sets.capability().enforced


def test_engine_trusted_where_processes_are_invisible() -> None:
    sets = _sets(sees=False)
    sets.check(_container(cpus=""))
    assert "CPUs of any host" in sets.capability().why
    sets.forget("i-1")
    assert sets.capability().enforced


def test_guest_that_has_ended_reports_no_cpus(tmp_path: Path) -> None:
    sets = _sets(proc=tmp_path)
    sets.check(_container())
    assert sets.capability().enforced


def test_kernel_without_cpusets_is_explained() -> None:
    shown = _sets(info=replace(INFO, unsupported_limits=frozenset({"cpuset"}))).capability()
    assert not shown.enforced
    assert "cannot pin" in shown.why


def test_more_hosts_than_cpus_have_no_weights() -> None:
    sets = _sets()
    sets.prepare([replace(host, cpus=(0, 1), shared=True) for host in HOSTS])
    shown = sets.capability()
    assert not shown.enforced
    assert "do not share the rest by their weights" in shown.why
