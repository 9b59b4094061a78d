"""Guests end with their platform, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest
from process_guests import DEADLINE_S, alive, python, until

from vmhost.drivers.context import DriverContext
from vmhost.drivers.process import guest_launcher, orphans
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.model.guest import GuestPhase

PROGRAM = Path(__file__).with_name("platform_program.py")


@pytest.mark.parametrize(("isolation", "loop"), [("best", "uvloop"), ("polled", "uvloop"), ("polled", "asyncio")])
async def test_guests_end_with_a_killed_platform(context: DriverContext, isolation: str, loop: str) -> None:
    platform = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(context.state_dir), isolation, loop, stdout=PIPE
    )
    assert platform.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            words = (await platform.stdout.readline()).split()
        guest, child = int(words[1]), int(words[2])
        assert alive(guest)
        assert alive(child)
    finally:
        platform.send_signal(signal.SIGKILL)
        await platform.wait()
    began = time.monotonic()
    await until(lambda: not alive(guest), "the guest ended")
    await until(lambda: not alive(child), "the guest's child ended")
    assert time.monotonic() - began < 5
    await _nothing_runs_for_the_next(context)


async def _nothing_runs_for_the_next(context: DriverContext) -> None:
    after = ProcessDriver(context)
    await after.open()
    [status] = await after.instances.list()
    assert (status.instance_id, status.phase) == ("i-1", GuestPhase.STOPPED)
    await after.close(remove=True)


@pytest.fixture
def stray() -> Iterator[subprocess.Popen[bytes]]:
    """A program that outlived its parent."""
    stray = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield stray
    stray.kill()
    stray.wait(timeout=DEADLINE_S)


def _write_record(folder: Path, pid: int, *, started: float | None = None, boot: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"i-1.{pid}"
    lines = (guest_launcher.boot() if boot is None else boot, pid, started or guest_launcher.now())
    path.write_text("\n".join(map(str, lines)))
    return path


async def test_survivors_of_an_earlier_run_are_killed(context: DriverContext, stray: subprocess.Popen[bytes]) -> None:
    record = _write_record(context.state_dir / "process" / "alive", stray.pid)
    driver = ProcessDriver(context)
    await driver.open()
    assert stray.wait(timeout=DEADLINE_S) == -signal.SIGKILL
    assert not record.exists()
    await driver.close(remove=True)


def test_recycled_process_id_is_not_ours(tmp_path: Path, stray: subprocess.Popen[bytes]) -> None:
    _write_record(tmp_path, stray.pid, started=guest_launcher.now() - 60)
    assert orphans.kill_recorded(tmp_path) == 1
    _write_record(tmp_path, stray.pid, boot="an earlier boot")
    assert orphans.kill_recorded(tmp_path) == 1
    assert stray.poll() is None


def test_records_of_an_earlier_version_end_nothing(tmp_path: Path, stray: subprocess.Popen[bytes]) -> None:
    """They began with the process id; the platform that wrote them had a reaper of its own."""
    (tmp_path / f"i-1.{stray.pid}").write_text(f"{stray.pid}\n2445000\n{guest_launcher.boot()}\n/x/cgroup.procs")
    assert orphans.kill_recorded(tmp_path) == 1
    assert stray.poll() is None


def test_incomplete_records_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "i-1.77").write_text("77\n12")
    (tmp_path / "i-1.78.new").write_text("{}")
    assert orphans.kill_recorded(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "i-1.78.new"]


def test_guest_does_not_start_without_its_platform(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    late = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            guest_launcher.__file__,
            "1",
            str(tmp_path / "i-1"),
            str(writing),
            "",
            "0",
            "sleep",
            "60",
        ],
        pass_fds=(writing,),
    )
    os.close(writing)
    assert late.wait(timeout=DEADLINE_S) == 125
    os.close(reading)


async def test_closing_twice_or_unopened_is_fine(context: DriverContext) -> None:
    driver = ProcessDriver(context)
    await driver.close(remove=True)
    await driver.open()
    await driver.instances.create(python("i-1", "import time; time.sleep(60)"))
    await driver.instances.start("i-1")
    await driver.close(remove=True)
    await driver.close(remove=True)
