"""A child program never outlives its parent, ready or not, stopped or killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from client.local.child_program import ChildProgram, ReadyFile
from vmhost.base.errors import Unavailable

READY = """
import asyncio, pathlib, sys
from vmhost.base.web import run, write_ready
async def main():
    write_ready(pathlib.Path(sys.argv[1]), url="http://127.0.0.1:1")
    await asyncio.get_running_loop().create_future()
sys.exit(run(main))
"""
DEAF = """
import json, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text(json.dumps({"url": "http://127.0.0.1:1"}))
time.sleep(60)
"""
PARENT = """
import asyncio, pathlib, sys
from client.local.child_program import ChildProgram
async def main():
    child = ChildProgram("child", log=pathlib.Path(sys.argv[3]), ready=pathlib.Path(sys.argv[2]))
    await child.start([sys.executable, "-c", sys.argv[1], sys.argv[2]], deadline_s=20)
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def program(folder: Path) -> ChildProgram:
    return ChildProgram("the program", log=folder / "log", ready=folder / "ready")


async def start(child: ChildProgram, code: str, *, deadline_s: float = 20) -> ReadyFile:
    return await child.start([sys.executable, "-c", code, str(child.ready)], deadline_s=deadline_s)


def runs(pid: int) -> bool:
    """Whether the process runs; one that has ended may never be reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until_gone(pid: int, *, deadline_s: float = 10) -> None:
    async with asyncio.timeout(deadline_s):
        while runs(pid):
            await asyncio.sleep(0.02)


async def test_start_waits_until_ready_and_stop_ends_it(tmp_path: Path) -> None:
    child = program(tmp_path)
    assert (await start(child, READY)).url == "http://127.0.0.1:1"
    assert child.pid is not None
    pid = child.pid
    assert await child.stop(grace_s=10)
    assert not runs(pid)
    assert await child.stop(grace_s=10)


async def test_early_end_raises_with_the_log(tmp_path: Path) -> None:
    child = program(tmp_path)
    with pytest.raises(Unavailable, match=r"ended with code 3 before it was ready. The end of its log:\n  no"):
        await start(child, "import sys; print('no such thing'); sys.exit(3)")
    await child.stop(grace_s=1)


async def test_failure_shows_only_the_log_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an earlier run's warning\n")
    child = program(tmp_path)
    with pytest.raises(Unavailable) as failure:
        await start(child, "import sys; print('no such thing'); sys.exit(3)")
    assert "an earlier run" not in failure.value.message
    await child.stop(grace_s=1)


async def test_reason_of_the_program_is_the_failure(tmp_path: Path) -> None:
    child = program(tmp_path)
    with pytest.raises(Unavailable, match=r"^the program ended with code 1 before it was ready: the disk is full$"):
        await start(child, "import sys; print('noise'); sys.exit('error: the disk is full')")
    await child.stop(grace_s=1)


async def test_program_that_is_never_ready_times_out(tmp_path: Path) -> None:
    child = program(tmp_path)
    with pytest.raises(Unavailable, match="was not ready within 0 s and logged nothing"):
        await start(child, "import time; time.sleep(60)", deadline_s=0.3)
    await child.stop(grace_s=5)


async def test_program_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    child = program(tmp_path)
    await start(child, DEAF)
    assert child.pid is not None
    pid = child.pid
    assert not await child.stop(grace_s=0.2)
    assert not runs(pid)


async def test_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, READY, str(tmp_path / "ready"), str(tmp_path / "log"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        pid = int(await parent.stdout.readline())
    assert runs(pid)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until_gone(pid)
