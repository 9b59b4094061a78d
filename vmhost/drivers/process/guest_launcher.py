"""The launcher: sets what only a process itself can set (control groups, CPUs, parent death signal), then becomes the
guest's program.

It runs as a plain script, `python -I -S guest_launcher.py …`, for a fast start, and so imports nothing of ours. It
writes "ready" to its report pipe right before it executes the command; the pipe closes if that works, and carries the
reason if it fails.
"""

# ruff: noqa: PTH104, PTH123, SIM105 (pathlib, json and contextlib would double the time to start)

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_OOM_SCORE = "300"
"""When the computer runs out of memory, the kernel ends a guest before it ends the platform."""


def now() -> float:
    """Return the time in seconds on the clock by which the OS counts when a process started."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time()


def boot() -> str:
    """Return the computer's boot id, empty where it has no such id: after another boot, process ids mean nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _tie_to_parent(parent: int) -> None:
    """Die with the thread that started this process, and gain no privileges from any program it executes."""
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


def _record(path: str, procs_files: list[str]) -> None:
    """Write the record. This comes before the check that the parent lives, so that a process that outlives its parent
    is always on record."""
    pid = os.getpid()
    with open(f"{path}.{pid}.new", "w") as file:
        file.write("\n".join((boot(), str(pid), str(now()), *procs_files)))
    os.rename(f"{path}.{pid}.new", f"{path}.{pid}")


def _pin(cpus: str) -> None:
    """Run on these CPUs ("0,1,2"), or on any if the OS refuses."""
    wanted = {int(cpu) for cpu in cpus.split(",") if cpu}
    if wanted and sys.platform == "linux":
        try:
            os.sched_setaffinity(0, wanted)
        except OSError:
            pass


def main(arguments: list[str]) -> None:
    """Run `guest_launcher.py PARENT RECORD REPORT_FD CPUS COUNT PROCS_FILE… COMMAND…`. Never returns."""
    parent, record, report, cpus, count, *rest = arguments
    procs_files, command = rest[: int(count)], rest[int(count) :]
    fd = int(report)
    os.set_inheritable(fd, False)
    try:
        _record(record, procs_files)
        _tie_to_parent(int(parent))
        for path in procs_files:
            with open(path, "w") as file:
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
