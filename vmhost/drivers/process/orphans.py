"""Guests that outlived their platform: found by their records, ended, never mistaken for a later process.

Run as a program (`python -m vmhost.drivers.process.orphans FOLDER`) it is the warden: it waits for its standard input
to end, which happens when the platform is gone however it went, and then ends whoever is on record. The guests' own
tie to their parent (see launch.py) does the same at once; the warden also finds what they had started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from vmhost.drivers.cgroups import read_pids
from vmhost.drivers.process import launch, table
from vmhost.drivers.process.walls import GROUP_PREFIX

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A process as it wrote itself down before it became a guest's program."""

    pid: int
    started: str
    boot: str
    doors: tuple[Path, ...]
    """The control group files that it entered by."""


def read_record(path: Path) -> Record | None:
    """The record in the file; None when the file is gone or not whole."""
    try:
        pid, started, boot, *doors = path.read_text().split("\n")
        return Record(pid=int(pid), started=started, boot=boot, doors=tuple(Path(door) for door in doors))
    except (OSError, ValueError):
        return None


def survivors(record: Record) -> frozenset[int]:
    """Who still lives of the recorded program: itself and what it started; nobody once its id has a new owner."""
    if record.boot != launch.boot():
        return frozenset()
    alive = launch.started(record.pid)
    if alive is not None and alive != record.started:
        return frozenset()
    return table.members((record.pid,), table.read_all())


def end(record: Record) -> None:
    """Ends the recorded program with all that it started."""
    for _ in range(_ROUNDS):
        living = survivors(record)
        for door in record.doors:
            if any(part.startswith(GROUP_PREFIX) for part in door.parts):
                living |= read_pids(door)
        living -= {os.getpid()}
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not living:
            return


def end_all(folder: Path) -> int:
    """Ends every program on record in the folder and forgets it; gives how many records there were."""
    paths = [path for path in sorted(folder.iterdir()) if not path.name.endswith(".new")]
    for path in paths:
        if (record := read_record(path)) is not None:
            end(record)
        path.unlink(missing_ok=True)
    return len(paths)


def forget(folder: Path, subject: str, pid: int) -> None:
    """Drops the record of a program that has ended and been waited for."""
    (folder / f"{subject}.{pid}").unlink(missing_ok=True)


def main() -> None:
    """Waits until the platform is gone, then ends what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 512):
        pass
    with contextlib.suppress(FileNotFoundError):
        end_all(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
