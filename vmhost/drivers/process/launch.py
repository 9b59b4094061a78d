"""The program between the platform and a guest: it lays what only the process itself can lay, then becomes the guest.

Run as a bare script, `python -I -S launch.py …`, for a quick start; so it imports nothing of ours. It says "ready" on
its report pipe right before it becomes the command; the pipe closes when that worked, and carries the reason if not.
"""

# ruff: noqa: PTH104, PTH123, SIM105 (pathlib, json and contextlib would double the time to start)

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_OOM_SCORE = "300"
"""When the whole machine runs out of memory, a guest goes before the platform does."""


def started(pid: int) -> str | None:
    """When the process started, in a form that tells it from a later one with the same id; None when there is none."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    import subprocess

    seen = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return seen.stdout.strip() or None


def boot() -> str:
    """The machine's present life: process ids and start times mean nothing in another."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _tie_to_parent(parent: int) -> None:
    """Dies when the thread that started us does; and gains no rights, whatever program it becomes."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(_OOM_SCORE)
        except OSError:
            pass
    if os.getppid() != parent:
        sys.exit(125)


def _record(path: str, doors: list[str]) -> None:
    """Written before the parent is looked for, so that whoever outlives the parent is on record."""
    pid = os.getpid()
    with open(f"{path}.{pid}.new", "w") as file:
        file.write("\n".join((str(pid), str(started(pid)), boot(), *doors)))
    os.rename(f"{path}.{pid}.new", f"{path}.{pid}")


def _pin(cpus: str) -> None:
    """Runs on these CPUs ("0,1,2"); where the OS refuses, on any."""
    wanted = {int(cpu) for cpu in cpus.split(",") if cpu}
    if wanted and sys.platform == "linux":
        try:
            os.sched_setaffinity(0, wanted)
        except OSError:
            pass


def main(arguments: list[str]) -> None:
    """`launch.py PARENT RECORD REPORT_FD CPUS COUNT DOOR… COMMAND…`; returns only by ending or becoming the command."""
    parent, record, report, cpus, count, *rest = arguments
    doors, command = rest[: int(count)], rest[int(count) :]
    fd = int(report)
    os.set_inheritable(fd, False)
    try:
        _record(record, doors)
        _tie_to_parent(int(parent))
        for door in doors:
            with open(door, "w") as file:
                file.write("0")
        _pin(cpus)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.write(fd, b"ready\n")
        os.execvp(command[0], command)
    except OSError as error:
        os.write(fd, f"{error.strerror}: {error.filename or command[0]}".encode())
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
