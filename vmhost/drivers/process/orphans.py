"""Kills guests that outlived their platform. It finds them by their records and never mistakes a later process for one.

Run as a program (`python -m vmhost.drivers.process.orphans FOLDER`), it is the reaper: it waits until its standard
input is closed, which happens when the platform has ended for any reason, and then kills the recorded programs. Guest
programs also die with their parent (see guest_launcher.py); the reaper finds their children too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from vmhost.drivers.cgroups import read_pids
from vmhost.drivers.process import guest_launcher, process_table
from vmhost.drivers.process.isolation import GROUP_PREFIX

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRecord:
    """A process as recorded by the launcher before it became a guest's program."""

    pid: int
    started: str
    boot: str
    procs_files: tuple[Path, ...]
    """The `cgroup.procs` files of its control groups."""


def read_record(path: Path) -> ProgramRecord | None:
    """Return the record in the file; None when the file is gone or incomplete."""
    try:
        pid, started, boot, *procs_files = path.read_text().split("\n")
        return ProgramRecord(
            pid=int(pid), started=started, boot=boot, procs_files=tuple(Path(file) for file in procs_files)
        )
    except (OSError, ValueError):
        return None


def survivors(record: ProgramRecord) -> frozenset[int]:
    """Return the recorded process, if it still runs, and its descendants; none if its id belongs to a later process."""
    if record.boot != guest_launcher.boot():
        return frozenset()
    alive = guest_launcher.started(record.pid)
    if alive is not None and alive != record.started:
        return frozenset()
    return process_table.members((record.pid,), process_table.read_all())


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
