"""Starting a program through the launcher, and saying how it ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.drivers.process.console import open_pipe
from vmhost.drivers.process.walls import Entry

LAUNCHER = Path(__file__).with_name("launch.py")

_START_DEADLINE_S = 10.0
_REPORT_BYTES = 4096
_PASSED_ON = ("PYTHONPATH", "TZ")
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A program to start inside a guest."""

    subject: str
    """Who it is for, for messages and the record's name: the instance id."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    """Where it works."""
    records: Path
    entry: Entry
    cpus: tuple[int, ...] = ()
    """The CPUs that it starts on; empty: any."""


def clean_environment(platform: Mapping[str, str], home: Path) -> dict[str, str]:
    """The little that any program needs; nothing else of the platform's own environment reaches a guest."""
    passed = {name: platform[name] for name in _PASSED_ON if name in platform}
    path = os.pathsep.join((str(Path(sys.executable).parent), platform.get("PATH") or _USUAL_PATH))
    base = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}
    return passed | base


def launcher_command(order: Order, *, parent: int, report: int) -> tuple[str, ...]:
    """The command line that starts the order's program through the launcher."""
    return (
        *order.entry.prefix,
        *(sys.executable, "-I", "-S", str(LAUNCHER)),
        *(str(parent), str(order.records / order.subject), str(report), ",".join(map(str, order.cpus))),
        *(str(len(order.entry.doors)), *(str(door) for door in order.entry.doors)),
        *order.command,
    )


async def start_program(order: Order, *, output: int) -> Process:
    """Starts the program in a session of its own and returns once it really runs. Call it on the main thread.

    The program dies with the thread that starts it, and only the main thread lasts as long as the platform. Raises
    InvalidInput for a command that cannot be run, Unavailable when something in between failed."""
    reading, writing = os.pipe()
    environment = {**order.environment, **order.entry.environment}
    try:
        process = await asyncio.create_subprocess_exec(
            *launcher_command(order, parent=os.getpid(), report=writing),
            stdin=DEVNULL, stdout=output, stderr=output, cwd=order.folder, env=environment,
            pass_fds=(writing,), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        os.close(reading)
        raise Unavailable(f"{order.subject} cannot be started: {error}; expected a process to be had") from error
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    try:
        report = await _read_report(reading)
    except BaseException:
        end_session(process.pid)
        raise
    if report != "ready":
        await _give_up(order, process, report)
    return process


async def _read_report(fd: int) -> str:
    reader, transport = await open_pipe(fd, limit=_REPORT_BYTES)
    try:
        async with asyncio.timeout(_START_DEADLINE_S):
            return (await reader.read()).decode(errors="replace").strip()
    except TimeoutError:
        return f"it did not start within {_START_DEADLINE_S:.0f} s"
    finally:
        transport.close()


async def _give_up(order: Order, process: Process, report: str) -> None:
    end_session(process.pid)
    await process.wait()
    program = order.command[0]
    ready, _, reason = report.partition("\n")
    if ready == "ready":
        raise InvalidInput(f"{order.subject} cannot run {program}: {reason}; expected a program of this machine")
    said = report or f"the launcher ended with {exit_code(process.returncode)}"
    raise Unavailable(f"{order.subject} cannot be started: {said}; expected {program} to run")


def end_session(leader: int) -> None:
    """Ends the process group that a program of ours leads, at once."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def exit_code(returncode: int | None) -> int:
    """A program's code as a shell tells it: 128 + n for the signal n."""
    code = 0 if returncode is None else returncode
    return 128 - code if code < 0 else code


def how_it_ended(code: int) -> str:
    """The exit code in words."""
    if code <= 128:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"exit code {code}"
