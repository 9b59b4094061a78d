"""The pure and the small parts of the process driver."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from vmhost.base.errors import NoCapacity
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.process import loopback_addresses, machine_capacity, process_table
from vmhost.drivers.process.console_file import CONSOLE_BYTES, Console
from vmhost.drivers.process.guests import Guest, find_guests
from vmhost.drivers.process.isolation import CgroupEntry
from vmhost.drivers.process.process_table import CpuMeter, ProcessRow
from vmhost.drivers.process.programs import ProgramSpec, clean_environment, exit_code, how_it_ended, launcher_command
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


def test_stat_line_parsed_for_any_process_name() -> None:
    line = "42 (a) b (c) S 7 42 41 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 999 1000000 25 0"
    row = process_table.parse_stat(line, page_kib=4, ticks_per_s=100)
    assert row == ProcessRow(pid=42, parent=7, session=41, memory_kib=100, cpu_seconds=3.0, started="999", state="S")


def test_ps_output_is_parsed() -> None:
    rows = process_table.parse_ps("  42  7  41  100   0:03.50\n  43  42  41  20 1-02:03:04\nodd line\n")
    assert rows[42] == ProcessRow(pid=42, parent=7, session=41, memory_kib=100, cpu_seconds=3.5, started="")
    assert rows[43].cpu_seconds == ((24 + 2) * 60 + 3) * 60 + 4


def _row(pid: int, parent: int, session: int, cpu: float = 0.0) -> ProcessRow:
    return ProcessRow(pid=pid, parent=parent, session=session, memory_kib=1, cpu_seconds=cpu, started="1")


def test_family_is_session_and_descendants() -> None:
    rows = {
        row.pid: row for row in (_row(1, 0, 1), _row(10, 1, 10), _row(11, 1, 10), _row(12, 11, 12), _row(13, 1, 13))
    }
    assert process_table.members((10,), rows) == {10, 11, 12}
    assert process_table.leftovers(10, {pid: row for pid, row in rows.items() if pid != 10}) == {11, 12}
    assert process_table.leftovers(10, rows) == frozenset()


def test_this_very_process_is_in_its_own_table() -> None:
    [row, *_] = process_table.family([os.getpid()])
    assert row.pid == os.getpid()
    assert row.memory_kib > 1000
    assert os.getpid() in process_table.read_all()


def test_meter_keeps_the_usage_of_ended_processes() -> None:
    meter = CpuMeter()
    assert meter.add([_row(1, 0, 1, 2.0), _row(2, 1, 1, 1.0)]) == 3.0
    assert meter.add([_row(1, 0, 1, 2.5)]) == 3.5
    assert meter.add([]) == 3.5


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


def test_the_machine_has_a_size() -> None:
    assert machine_capacity.cores() >= 1
    assert machine_capacity.memory_mib() > 100
    assert machine_capacity.pids() > 100
