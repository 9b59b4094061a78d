"""The pure and the small parts of the process driver."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from vmhost.base.errors import NoCapacity
from vmhost.drivers import processes
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.process import loopback_addresses
from vmhost.drivers.process.guests import Guest, find_guests
from vmhost.drivers.process.hosts import capacity
from vmhost.drivers.process.isolation import CgroupEntry
from vmhost.drivers.process.programs import (
    CONSOLE_BYTES,
    Console,
    ProgramSpec,
    clean_environment,
    exit_code,
    how_it_ended,
    launcher_command,
)
from vmhost.drivers.processes import CpuMeter
from vmhost.model.guest import Endpoint, GuestEvent, GuestPhase, GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

LIMITS = Limits(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=1.0,
    cpu_weight=100,
    memory_mib=64,
    pids=8,
    disk_gib=1,
    network_mbps=1,
)


def test_a_clouds_addresses_are_its_own_and_in_range() -> None:
    ours = list(itertools.islice(loopback_addresses.addresses("one"), 1000))
    theirs = list(itertools.islice(loopback_addresses.addresses("two"), 1000))
    assert len(set(ours)) == 1000
    assert not set(ours) & set(theirs)
    assert all(16 <= int(address.split(".")[1]) <= 99 for address in ours)
    assert ours == list(itertools.islice(loopback_addresses.addresses("one"), 1000))


def test_taken_addresses_are_skipped() -> None:
    first = loopback_addresses.choose_endpoint("one", 0, (), own_addresses=True)
    assert loopback_addresses.choose_endpoint("one", 0, [first], own_addresses=True) != first
    port = loopback_addresses.choose_endpoint("one", 8080, (), own_addresses=False)
    other = loopback_addresses.choose_endpoint("one", 8080, [port], own_addresses=False)
    assert port.address == other.address == "127.0.0.1"
    assert port.port != other.port


def test_no_free_port_is_an_error() -> None:
    numbers = list(itertools.islice(loopback_addresses.ports("one"), 12_000))
    assert len(set(numbers)) == 12_000
    taken = [Endpoint(address="127.0.0.1", port=number) for number in numbers]
    with pytest.raises(NoCapacity, match="no port"):
        loopback_addresses.choose_endpoint("one", 8080, taken, own_addresses=False)


_LEAVES_A_CHILD = """
import os, sys, time
if os.fork() == 0:
    if (left := os.fork()) == 0:
        time.sleep(60)
    print(left, flush=True)
    os._exit(0)
os.wait()
print("left alone", flush=True)
time.sleep(60)
"""


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own that has left a process there which is no longer its child."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _LEAVES_A_CHILD], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        yield leader
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


def test_family_is_session_and_descendants(leader: subprocess.Popen[bytes]) -> None:
    assert leader.stdout is not None
    left = int(leader.stdout.readline())
    assert leader.stdout.readline() == b"left alone\n"
    assert [process.pid for process in processes.family((leader.pid,))] == [leader.pid, left]
    assert [process.pid for process in processes.descendants((leader.pid,))] == [leader.pid]
    own = [process.pid for process in processes.descendants((os.getpid(),))]
    assert own[0] == os.getpid()
    assert leader.pid in own
    leader.kill()
    leader.wait()
    remaining = processes.family((leader.pid,))
    assert [process.pid for process in remaining] == [left]
    processes.kill(remaining)
    psutil.wait_procs(remaining, timeout=5)
    assert processes.family((leader.pid,)) == []


def test_process_stopped_by_a_signal_is_noticed(leader: subprocess.Popen[bytes]) -> None:
    assert not processes.is_stopped(leader.pid)
    leader.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, leader.pid, os.WSTOPPED)
    assert processes.is_stopped(leader.pid)


def test_meter_keeps_the_usage_of_ended_processes(leader: subprocess.Popen[bytes]) -> None:
    meter = CpuMeter()
    own, other = psutil.Process(), psutil.Process(leader.pid)
    both = meter.add([own, other])
    assert both > 0
    assert meter.add([own]) >= both
    assert meter.add([]) >= both
    assert meter.add([]) == meter.add([])


def test_the_console_is_bounded_and_keeps_the_end(tmp_path: Path) -> None:
    console = Console(tmp_path)
    assert console.tail() == ""
    for number in range(3000):
        console.append(f"{number:0100}\n".encode())
    assert console.tail().endswith(f"{2999:0100}\n")
    assert len(console.tail()) == CONSOLE_BYTES
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * CONSOLE_BYTES + 101


async def test_slow_listener_gets_a_gap() -> None:
    feed = EventFeed(capacity=2)
    slow = feed.listen()
    for name in ("i-1", "i-2", "i-3"):
        feed.publish(GuestEvent(instance_id=name, phase=GuestPhase.RUNNING))
    feed.close()
    feed.close()
    seen = [event.instance_id async for event in slow]
    assert seen[0] == ""
    assert [event async for event in feed.listen()] == []


def test_exit_codes_as_in_a_shell() -> None:
    assert [exit_code(code) for code in (0, 3, -9, -15, None)] == [0, 3, 137, 143, 0]
    assert [how_it_ended(code) for code in (1, 137, 250)] == ["exit code 1", "killed by SIGKILL", "exit code 250"]


def test_launcher_command_line() -> None:
    order = ProgramSpec(
        subject="i-1",
        command=("run", "it"),
        environment={},
        folder=Path("/disk"),
        records=Path("/alive"),
        entry=CgroupEntry(prefix=("in", "scope"), procs_files=(Path("/door"),)),
        cpus=(0, 2),
    )
    words = launcher_command(order, parent=7, report=9)
    assert words[:2] == ("in", "scope")
    assert words[-8:] == ("7", "/alive/i-1", "9", "0,2", "1", "/door", "run", "it")


def test_only_what_programs_need_is_passed_on() -> None:
    environment = clean_environment({"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "PYTHONPATH": "/p"}, Path("/home"))
    assert environment["PATH"].endswith(":/bin")
    assert environment["PYTHONPATH"] == "/p"
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_saved_guest_is_found_and_incomplete_one_removed(tmp_path: Path) -> None:
    boot = Boot(command=("sh", "-c", "x"), environment={"A": "1"}, port=81)
    spec = GuestSpec(instance_id="i-1", host_id="host-a", boot=boot, limits=LIMITS, environment={"B": "2"})
    Guest(spec=spec, folder=tmp_path / "i-1", endpoint=Endpoint(address="127.20.0.1")).save()
    (tmp_path / "i-2").mkdir()
    (tmp_path / "i-3").mkdir()
    (tmp_path / "i-3/guest.json").write_text('{"spec": {}}')
    [found] = find_guests(tmp_path)
    assert found.spec == spec
    assert found.endpoint == Endpoint(address="127.20.0.1")
    assert [path.name for path in tmp_path.iterdir()] == ["i-1"]
    assert replace(found.spec, limits=LIMITS) == spec
    found.erase()
    assert list(tmp_path.iterdir()) == []


def test_guest_of_an_earlier_version_is_found(tmp_path: Path) -> None:
    """It wrote "place" and no CPUs."""
    (tmp_path / "i-1").mkdir()
    limits = {name: value for name, value in asdict(LIMITS).items() if name != "cpus"}
    spec = {"instance_id": "i-1", "host_id": "host-a", "boot": {"command": ["sh"], "port": 81}, "limits": limits}
    saved = {"spec": spec, "place": {"address": "127.20.0.1", "port": None}}
    (tmp_path / "i-1/guest.json").write_text(json.dumps(saved))
    [found] = find_guests(tmp_path)
    assert (found.endpoint, found.spec.limits) == (Endpoint(address="127.20.0.1"), LIMITS)
    assert found.spec.boot == Boot(command=("sh",), port=81)


def test_the_computer_has_a_size() -> None:
    found = capacity(weights_guests=False)
    assert found.cpu_cores >= 1
    assert found.memory_mib > 100
    assert found.pids > 100
