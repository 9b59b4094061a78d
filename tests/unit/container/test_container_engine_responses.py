"""What the engine's answers mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vmhost.drivers.container.engine_events import read_event
from vmhost.drivers.container.engine_responses import (
    read_container,
    read_info,
    read_listed,
    read_stats,
    status,
)
from vmhost.drivers.container.isolation import capabilities
from vmhost.drivers.container.netns import is_program_stopped
from vmhost.model.guest import Capability, Endpoint, GuestPhase

CORES = Capability(name="cores", enforced=True)


def _container(**state: Any) -> dict[str, Any]:
    return {
        "Id": "abc",
        "Name": "/c-i-1",
        "Config": {"Labels": {"glasscloud.instance": "i-1"}},
        "State": state,
        "NetworkSettings": {"Networks": {"c": {"IPAddress": "198.18.0.4"}, "other": {"IPAddress": ""}}},
    }


def test_endpoint_is_the_engines_address() -> None:
    found = status(read_container(_container(Running=True, Pid=7, StartedAt="2026-01-01T00:00:00Z")), "c")
    assert found.phase is GuestPhase.RUNNING
    assert found.endpoint
    assert found.endpoint.address == "198.18.0.4"
    assert found.death is None


def test_running_guest_without_network_has_no_endpoint() -> None:
    found = status(read_container(_container(Running=True, StartedAt="2026-01-01T00:00:00Z")), "other")
    assert (found.phase, found.endpoint) == (GuestPhase.RUNNING, None)


def test_a_guest_that_never_ran_has_not_died() -> None:
    found = status(read_container(_container(Running=False, StartedAt="0001-01-01T00:00:00Z")), "c")
    assert (found.phase, found.death) == (GuestPhase.STOPPED, None)


def test_death_has_exit_code_and_oom() -> None:
    raw = _container(Running=False, StartedAt="2026-01-01T00:00:00Z", ExitCode=137, OOMKilled=True)
    death = status(read_container(raw), "c").death
    assert death
    assert (death.exit_code, death.oom) == (137, True)


def test_statistics_of_both_kernels_leave_the_file_cache_out() -> None:
    for name in ("total_inactive_file", "inactive_file"):
        raw = {
            "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}, "throttling_data": {"throttled_time": 10**9}},
            "memory_stats": {"usage": 3 << 20, "stats": {name: 1 << 20}},
            "pids_stats": {"current": 4},
        }
        stats = read_stats("i-1", raw)
        assert stats
        assert (stats.cpu_seconds, stats.memory_mib, stats.pids, stats.throttled_seconds) == (2.5, 2.0, 4, 1.0)


def test_a_stopped_guest_has_no_statistics() -> None:
    assert read_stats("i-1", {"cpu_stats": {}, "memory_stats": {}}) is None


def test_architecture_has_its_ec2_name() -> None:
    raw = {
        "NCPU": 4,
        "MemTotal": 8 << 30,
        "Architecture": "aarch64",
        "CgroupVersion": "2",
        "CgroupDriver": "systemd",
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
    }
    info = read_info(raw)
    assert (info.cpus, info.memory_mib, info.architecture) == (4, 8192, "arm64")
    assert (info.cgroup_version, info.storage) == (2, "overlay2 on extfs")


def test_an_event_brings_labels_and_the_exit_code() -> None:
    attributes = {"glasscloud.instance": "i-1", "exitCode": "137"}
    event = read_event({"Action": "die", "Actor": {"ID": "abc", "Attributes": attributes}})
    assert (event.action, event.container_id, event.exit_code) == ("die", "abc", 137)
    assert event.labels["glasscloud.instance"] == "i-1"
    assert read_event({}).exit_code is None


def test_engine_with_networks_elsewhere_is_detected() -> None:
    raw = {"NCPU": 2, "MemTotal": 1 << 30}
    assert read_info(raw | {"OperatingSystem": "Debian"}).elsewhere == ""
    assert "virtual machine" in read_info(raw | {"OperatingSystem": "Docker Desktop"}).elsewhere
    assert "without root" in read_info(raw | {"SecurityOptions": ["name=seccomp", "name=rootless"]}).elsewhere


def test_limits_unsupported_by_the_kernel_not_claimed() -> None:
    info = {"NCPU": 4, "MemTotal": 1 << 32, "MemoryLimit": False, "SwapLimit": False, "PidsLimit": True}
    isolation = capabilities(read_info(info), disk_limited=False, rules_by="here", checked=(CORES,), host_why_not="")
    assert not isolation.of("memory").enforced
    assert "cannot limit memory" in isolation.of("memory").why
    assert isolation.of("pids").enforced
    assert isolation.of("cpu").enforced
    info |= {"MemoryLimit": True}
    counted = capabilities(read_info(info), disk_limited=False, rules_by="here", checked=(CORES,), host_why_not="")
    assert counted.of("memory").enforced
    assert "with swap on top" in counted.of("memory").why


def test_unresponsive_guest_is_impaired_with_reason() -> None:
    running = replace(read_container(_container(Running=True, Pid=7, StartedAt="2026-01-01T00:00:00Z")), addresses={})
    attached = replace(running, addresses={"c": "198.18.0.4"})
    assert status(attached, "c").impaired == ""
    assert status(running, "c").impaired == "it is not connected to the instance network"
    assert status(attached, "c", frozen=True).impaired == "its program is stopped by a signal (SIGSTOP)"
    assert status(replace(attached, paused=True), "c").impaired == "its container is paused"
    assert status(replace(running, running=False), "c").impaired == ""


def test_list_has_phase_address_and_health() -> None:
    found = {
        "Id": "abc",
        "Names": ["/c-i-01"],
        "Labels": {"glasscloud.instance": "i-01", "glasscloud.record": "{}"},
        "State": "paused",
        "NetworkSettings": {"Networks": {"c": {"IPAddress": "198.18.0.4"}}},
    }
    paused = status(read_listed(found), "c")
    assert (paused.instance_id, paused.phase, paused.record) == ("i-01", GuestPhase.RUNNING, "{}")
    assert paused.impaired == "its container is paused"
    assert paused.endpoint == Endpoint(address="198.18.0.4")
    ended = status(read_listed(found | {"State": "exited"}), "c")
    assert (ended.phase, ended.endpoint, ended.impaired) == (GuestPhase.STOPPED, None, "")


@pytest.mark.parametrize(
    ("rows", "stopped"),
    [
        ([(1, 0, "S"), (2, 1, "S")], False),
        ([(1, 0, "S"), (2, 1, "T")], True),
        ([(1, 0, "T"), (2, 1, "S")], False),
        ([(1, 0, "T")], True),
        ([(1, 0, "S"), (2, 1, "T"), (3, 1, "Z")], True),
        ([(1, 0, "S"), (2, 1, "t")], False),
        ([(1, 0, "sleeping"), (2, 1, "stopped"), (3, 1, "zombie")], True),
        ([], False),
    ],
)
def test_program_is_stopped_when_all_children_of_init_are(rows: list[tuple[int, int, str]], stopped: bool) -> None:
    assert is_program_stopped(1, rows) is stopped
