"""Starts programs through the launcher, keeps what they print, and says how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.drivers.process.isolation import CgroupEntry

LAUNCHER = Path(__file__).with_name("guest_launcher.py")

_START_DEADLINE_S = 10.0
_REPORT_BYTES = 4096
_PASSED_ON = ("PYTHONPATH", "TZ")
CONSOLE_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_PAUSE_S = 0.01
"""Pause after each full chunk, so that a guest that floods its console is slowed down instead of the platform."""
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSpec:
    """A program to start inside a guest."""

    subject: str
    """The instance id, for messages and the record's name."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    """Its working directory."""
    records: Path
    entry: CgroupEntry
    cpus: tuple[int, ...] = ()
    """The CPUs that it starts on; empty for any."""


def clean_environment(platform: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the variables that any program needs. Nothing else of the platform's environment reaches a guest."""
    passed = {name: platform[name] for name in _PASSED_ON if name in platform}
    path = os.pathsep.join((str(Path(sys.executable).parent), platform.get("PATH") or _USUAL_PATH))
    base = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}
    return passed | base


def launcher_command(spec: ProgramSpec, *, parent: int, report: int) -> tuple[str, ...]:
    """Return the command line that starts the program through the launcher."""
    return (
        *spec.entry.prefix,
        *(sys.executable, "-I", "-S", str(LAUNCHER)),
        *(str(parent), str(spec.records / spec.subject), str(report), ",".join(map(str, spec.cpus))),
        *(str(len(spec.entry.procs_files)), *(str(file) for file in spec.entry.procs_files)),
        *spec.command,
    )


async def start_program(spec: ProgramSpec, *, output: int) -> Process:
    """Start the program in a session of its own and return once it runs. Call it on the main thread: the program dies
    with the thread that starts it, and only the main thread lasts as long as the platform.

    Raises InvalidInput for a command that cannot be run, Unavailable when something else failed."""
    reading, writing = os.pipe()
    environment = {**spec.environment, **spec.entry.environment}
    try:
        process = await asyncio.create_subprocess_exec(
            *launcher_command(spec, parent=os.getpid(), report=writing),
            stdin=DEVNULL, stdout=output, stderr=output, cwd=spec.folder, env=environment,
            pass_fds=(writing,), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        os.close(reading)
        raise Unavailable(f"{spec.subject} cannot be started: {error}") from error
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
        await _give_up(spec, process, report)
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


async def _give_up(spec: ProgramSpec, process: Process, report: str) -> None:
    end_session(process.pid)
    await process.wait()
    program = spec.command[0]
    ready, _, reason = report.partition("\n")
    if ready == "ready":
        raise InvalidInput(f"{spec.subject} cannot run {program}: {reason}")
    why = report or f"the launcher ended with exit code {exit_code(process.returncode)}"
    raise Unavailable(f"{spec.subject} cannot start {program}: {why}")


def end_session(leader: int) -> None:
    """Kill the process group that a program of ours leads."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def exit_code(returncode: int | None) -> int:
    """Return a program's exit code as a shell gives it: 128 + n for the signal n."""
    code = 0 if returncode is None else returncode
    return 128 - code if code < 0 else code


def how_it_ended(code: int) -> str:
    """Describe the exit code."""
    if code <= 128:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"exit code {code}"


class Console:
    """Keeps the console in a folder: the file `console` and the previous one."""

    def __init__(self, folder: Path) -> None:
        self._now = folder / "console"
        self._before = folder / "console.1"

    def append(self, text: bytes) -> None:
        """Add what was printed. A full file replaces the previous one."""
        with self._now.open("ab") as file:
            file.write(text)
            full = file.tell() >= CONSOLE_BYTES
        if full:
            self._now.replace(self._before)

    def tail(self) -> str:
        """Return the last 64 KiB."""
        text = b"".join(path.read_bytes() for path in (self._before, self._now) if path.exists())
        return text[-CONSOLE_BYTES:].decode(errors="replace")

    async def pump(self, fd: int) -> None:
        """Copy from the pipe until its last writer has closed it; then close it."""
        reader, transport = await open_pipe(fd, limit=_CHUNK_BYTES)
        try:
            while text := await reader.read(_CHUNK_BYTES):
                with contextlib.suppress(OSError):  # on a full disk the text is lost, but the guest goes on
                    self.append(text)
                if len(text) == _CHUNK_BYTES:
                    await asyncio.sleep(_PAUSE_S)
        finally:
            transport.close()


async def open_pipe(fd: int, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    """Return a reader of the pipe. Closing the transport closes the pipe."""
    reader = asyncio.StreamReader(limit=limit)
    pipe = os.fdopen(fd, "rb", buffering=0)
    try:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    except BaseException:
        pipe.close()
        raise
    return reader, transport
