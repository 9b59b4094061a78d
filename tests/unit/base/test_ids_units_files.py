"""Ids, units, the manual clock, ports and atomic files."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.fakes import ManualClock, SeededIds
from vmhost.base.errors import InvalidInput
from vmhost.base.files import write_atomically
from vmhost.base.ids import RandomIds
from vmhost.base.units import parse_duration, parse_size
from vmhost.base.web import listen


def test_ids_have_ec2_format_and_seeds_repeat_them() -> None:
    assert re.fullmatch(r"i-0[0-9a-f]{16}", RandomIds().new("i"))
    assert SeededIds(1).new("i") == SeededIds(1).new("i") != SeededIds(2).new("i")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("250ms", 0.25), ("1.5m", 90), ("2h", 7200), ("7", 7)])
def test_durations_are_parsed(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-3s", "3 parsecs", "nan"])
def test_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="use a number"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("64k", 65536), ("1.5 MiB", 1572864), ("2g", 2 << 30)])
def test_sizes_are_parsed(text: str, size: int) -> None:
    assert parse_size(text) == size


async def test_manual_clock_wakes_sleepers_in_order() -> None:
    clock, woken = ManualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (3.0, 1.0, 2.0):
            group.create_task(sleeper(seconds))
        await asyncio.sleep(0)
        clock.advance(2.5)
        for _ in range(3):
            await asyncio.sleep(0)
        assert woken == [1.0, 2.0]
        clock.advance(1)


def test_port_in_use_is_named_or_the_next_one_taken() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port} on 127.0.0.1 is in use"):
            listen("127.0.0.1", port)
        with listen("127.0.0.1", port, search=True) as second:
            assert second.getsockname()[1] > port


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_port_out_of_range_is_refused(port: int) -> None:
    for search in (False, True):
        with pytest.raises(InvalidInput, match=r"port -?\d+ is out of range \(0 to 65535\)"):
            listen("127.0.0.1", port, search=search)


def test_atomic_write_replaces_the_file_privately(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
