"""A child program with a lifeline, a log and a ready file: started, restarted when it ends, and stopped for sure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Unavailable
from vmhost.base.web import LIFELINE

RESTARTS_MAX = 5
STEADY_S = 15.0
"""A program that ran this long has recovered: its earlier failures are not counted any more."""
_POLL_S = 0.02
_TAIL_LINES = 8
_TAIL_BYTES = 8192
_REASON = "error: "
"""Our programs print a last line with this prefix when they know why they cannot continue (`vmhost.base.web.run`)."""


class ReadyFile(msgspec.Struct, frozen=True):
    """What a program writes when it is ready: its URL; the platform also writes its driver and its access file."""

    url: str
    driver: str = ""
    why: str = ""
    missing: str = ""
    access: str = ""
    notes: tuple[str, ...] = ()


class ProgramFailed(Unavailable):
    """A program did not start, or it ended. `reason` is its own explanation, empty if it gave none."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class ChildProgram:
    """One of our programs as a child process, in its own session: Ctrl-C in the terminal reaches it through us only."""

    def __init__(self, name: str, *, log: Path, ready: Path) -> None:
        """`ready` is the file that the program writes when it is ready."""
        self.name = name
        self.ready = ready
        self._log = log
        self._log_begin = 0
        """Offset in the log at which this run starts."""
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline = -1

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return None if self._process is None else self._process.pid

    async def start(self, command: Sequence[str], *, deadline_s: float, keep_open: Sequence[int] = ()) -> ReadyFile:
        """Start the program, which inherits the files `keep_open`, and return the content of its ready file.

        Raises ProgramFailed, with its reason or the end of its log, if it ends or is not ready within the deadline."""
        self.ready.unlink(missing_ok=True)
        process = await self._spawn(command, keep_open)
        try:
            async with asyncio.timeout(deadline_s):
                while not self.ready.exists():
                    if process.returncode is not None:
                        raise self.failure(process.returncode, " before it was ready")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise self._failure(f"was not ready within {deadline_s:.0f} s") from None
        return msgspec.json.decode(self.ready.read_bytes(), type=ReadyFile)

    async def _spawn(self, command: Sequence[str], keep_open: Sequence[int]) -> asyncio.subprocess.Process:
        reading, self._lifeline = os.pipe()
        try:
            with self._log.open("ab") as log:
                self._log_begin = log.tell()
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, LIFELINE: str(reading)},
                    pass_fds=(reading, *keep_open),
                    start_new_session=True,
                )
                return self._process
        finally:
            os.close(reading)

    async def keep_running(
        self, start: Callable[[], Awaitable[object]], *, say: Callable[[str], None], clock: Clock
    ) -> None:
        """Restart the program with `start` whenever it ends; retry a restart that fails. Never returns.

        Raises the last failure after `RESTARTS_MAX` restarts in a row without `STEADY_S` of running in between."""
        restarts = 0
        while True:
            began = clock.monotonic()
            assert self._process is not None, "not started"
            code = await self._process.wait()
            failure: CloudError = (ended := self.failure(code))
            if clock.monotonic() - began >= STEADY_S:
                restarts = 0
            say(f"{self.name} {_exit_in_words(code)}; restarting it")
            while True:
                restarts += 1
                if restarts > RESTARTS_MAX:
                    raise failure
                # Seconds before the nth restart in a row: 0, 1, 3, 9, 27.
                pause_s = 0.0 if restarts == 1 else float(3 ** (restarts - 2))
                if pause_s:
                    reason = "" if failure is ended else f"{failure.message}\n"
                    say(f"{reason}retrying in {pause_s:.0f} s")
                await self.stop(grace_s=0)
                await clock.sleep(pause_s)
                try:
                    await start()
                    break
                except CloudError as error:
                    failure = error

    async def stop(self, *, grace_s: float) -> bool:
        """Ask the program to drain and end, kill it after `grace_s`; return whether it ended by itself. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return True
        try:
            self._signal(process, signal.SIGTERM)
            async with asyncio.timeout(grace_s):
                await process.wait()
            return True
        except TimeoutError:
            return False
        finally:
            self._signal(process, signal.SIGKILL)
            await process.wait()
            os.close(self._lifeline)

    @staticmethod
    def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def failure(self, code: int, when: str = "") -> ProgramFailed:
        """Return the error for an unexpected end."""
        return self._failure(f"{_exit_in_words(code)}{when}")

    def _failure(self, fact: str) -> ProgramFailed:
        lines = self._last_lines()
        if lines and lines[-1].startswith(_REASON):
            reason = lines[-1].removeprefix(_REASON)
            return ProgramFailed(f"{self.name} {fact}: {reason}", reason)
        log = "".join(f"\n  {line}" for line in lines)
        return ProgramFailed(f"{self.name} {fact}" + (f". The end of its log:{log}" if log else " and logged nothing"))

    def _last_lines(self) -> list[str]:
        """Return the last lines that this run logged."""
        with self._log.open("rb") as file:
            file.seek(max(self._log_begin, self._log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return text.strip().splitlines()[-_TAIL_LINES:]


def _exit_in_words(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
