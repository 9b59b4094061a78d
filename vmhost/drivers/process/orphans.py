"""Kills guests that outlived their platform. It finds them by their records and never mistakes a later process for one.

Run as a program, it is the reaper: it waits until its standard input is closed, which happens when the platform has
ended for any reason, and then kills the recorded programs. Guest programs also die with their parent (see
guest_launcher.py); the reaper finds their children too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

import vmhost
from vmhost.drivers import processes
from vmhost.drivers.cgroups import GROUP_PREFIX, read_pids
from vmhost.drivers.process import guest_launcher

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRecord:
    """A process as recorded by the launcher before it became a guest's program."""

    pid: int
    started: float
    """When it had certainly started, by `guest_launcher.now()`."""
    boot: str
    procs_files: tuple[Path, ...]
    """The `cgroup.procs` files of its control groups."""


def read_record(path: Path) -> ProgramRecord | None:
    """Return the record in the file; None when the file is gone or incomplete."""
    try:
        boot, pid, started, *procs_files = path.read_text().split("\n")
        return ProgramRecord(
            boot=boot, pid=int(pid), started=float(started), procs_files=tuple(Path(file) for file in procs_files)
        )
    except (OSError, ValueError):
        return None


def survivors(record: ProgramRecord) -> frozenset[int]:
    """Return the recorded process, if it still runs, and its descendants; none if its id belongs to a later process."""
    if record.boot != guest_launcher.boot() or _is_reused(record):
        return frozenset()
    return frozenset(process.pid for process in processes.family((record.pid,)))


def _is_reused(record: ProgramRecord) -> bool:
    try:
        created = psutil.Process(record.pid).create_time()
    except psutil.Error:
        return False
    # On Linux both count from the computer's boot, so that a clock that was set does not matter.
    return created - (psutil.boot_time() if sys.platform == "linux" else 0.0) > record.started


def end(record: ProgramRecord) -> None:
    """Kill the recorded program and its descendants."""
    for _ in range(_ROUNDS):
        living = survivors(record)
        for file in record.procs_files:
            if any(part.startswith(GROUP_PREFIX) for part in file.parts):
                living |= read_pids(file)
        living -= {os.getpid()}
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not living:
            return


def kill_recorded(folder: Path) -> int:
    """Kill every program on record in the folder, remove the records and return their number."""
    paths = [path for path in sorted(folder.iterdir()) if not path.name.endswith(".new")]
    for path in paths:
        if (record := read_record(path)) is not None:
            end(record)
        path.unlink(missing_ok=True)
    return len(paths)


def forget(folder: Path, subject: str, pid: int) -> None:
    """Remove the record of a program that has ended and been waited for."""
    (folder / f"{subject}.{pid}").unlink(missing_ok=True)


def start_reaper(records: Path) -> subprocess.Popen[bytes]:
    """Start the reaper for the folder with the records of running guest programs. Close its input to let it work."""
    paths = (Path(module.__file__ or "").parents[1] for module in (vmhost, psutil))
    return subprocess.Popen(
        # Without `site`, it starts in half the time.
        [sys.executable, "-S", "-m", __name__, str(records)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={"PYTHONPATH": os.pathsep.join(map(str, paths))},
    )


def main() -> None:
    """Wait until the platform has ended, then kill what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 512):
        pass
    with contextlib.suppress(FileNotFoundError):
        kill_recorded(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
