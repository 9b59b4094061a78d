"""How long threads waited for a core and how busy cores were, from files as Linux writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmhost.drivers.scheduler_stats import core_seconds, wait_seconds


def thread(proc: Path, pid: int, tid: int, schedstat: str) -> None:
    folder = proc / str(pid) / "task" / str(tid)
    folder.mkdir(parents=True)
    (folder / "schedstat").write_text(schedstat)


def test_waits_of_all_threads_are_summed(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, "5000000000 1500000000 12\n")
    thread(tmp_path, 10, 11, "1 250000000 1\n")
    thread(tmp_path, 20, 20, "1 1000000000 1\n")
    assert wait_seconds([10, 20], tmp_path) == pytest.approx(2.75)


def test_processes_that_ended_are_left_out(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, "1 1000000000 1\n")
    thread(tmp_path, 10, 11, "")
    assert wait_seconds([10, 999], tmp_path) == pytest.approx(1.0)
    assert wait_seconds([999], tmp_path) is None
    assert wait_seconds([], tmp_path) is None


def test_busy_time_excludes_idle_and_disk_waits(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(
        f"cpu  1 1 1 1 1 1 1 1 0 0\n"
        f"cpu0 {ticks} {ticks} {ticks} {9 * ticks} {9 * ticks} {ticks} {ticks} {ticks} 0 0\n"
        f"cpu1 {2 * ticks} 0 0 0\n"
        "intr 1 2 3\n"
    )
    assert core_seconds(tmp_path) == {0: pytest.approx(6.0), 1: pytest.approx(2.0)}


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert core_seconds(tmp_path) == {}


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count waiting for a core")
def test_own_process_has_wait_and_busy_times() -> None:
    waited = wait_seconds([os.getpid()])
    assert waited is not None
    assert waited >= 0
    assert len(core_seconds()) >= 1
