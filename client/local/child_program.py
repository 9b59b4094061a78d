"""Start a child program with a lifeline, a log and a ready file, and make sure that it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmhost.base.errors import Unavailable
from vmhost.base.web import LIFELINE

_POLL_S = 0.02
_TAIL_LINES = 8
_TAIL_BYTES = 8192
_REASON = "error: "
"""Our programs print a last line with this prefix when they know why they cannot continue (`vmhost.base.web.run`)."""


class ProgramFailed(Unavailable):
    """A program did not start, or it ended. `reason` is its own explanation, empty if it gave none."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class ChildProgram:
    """One of our programs as a child process, in its own session: Ctrl-C in the terminal reaches it through us only."""

    def __init__(self, name: str, *, log: Path, keep_open: Sequence[int] = ()) -> None:
        self.name = name
        self._log = log
        self._keep_open = tuple(keep_open)
        self._log_begin = 0
        """Offset in the log at which this run starts."""
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline = -1

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return None if self._process is None else self._process.pid

    async def start(self, command: Sequence[str], *, ready: Path, deadline_s: float) -> dict[str, Any]:
        """Start the program and return the content of its ready file.

        Raises ProgramFailed, with its reason or the end of its log, if it ends or is not ready within the deadline."""
        ready.unlink(missing_ok=True)
        await self._spawn(command)
        try:
            async with asyncio.timeout(deadline_s):
                while not ready.exists():
                    if self._process is not None and self._process.returncode is not None:
                        raise self._failure(f"{exit_in_words(self._process.returncode)} before it was ready")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise self._failure(f"was not ready within {deadline_s:.0f} s") from None
        facts: dict[str, Any] = json.loads(ready.read_text())
        return facts

    async def _spawn(self, command: Sequence[str]) -> None:
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
                    pass_fds=(reading, *self._keep_open),
                    start_new_session=True,
                )
        finally:
            os.close(reading)

    async def ended(self) -> int:
        """Wait until the program ends and return its exit code."""
        assert self._process is not None, "not started"
        return await self._process.wait()

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

    def failure(self, code: int) -> ProgramFailed:
        """Return the error for an unexpected end."""
        return self._failure(exit_in_words(code))

    def _failure(self, fact: str) -> ProgramFailed:
        lines = last_lines(self._log, since=self._log_begin)
        if lines and lines[-1].startswith(_REASON):
            reason = lines[-1].removeprefix(_REASON)
            return ProgramFailed(f"{self.name} {fact}: {reason}", reason)
        log = "".join(f"\n  {line}" for line in lines)
        return ProgramFailed(f"{self.name} {fact}" + (f". The end of its log:{log}" if log else " and logged nothing"))


def exit_in_words(code: int) -> str:
    """Return the exit code in words; a negative code is a signal number."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"


def last_lines(log: Path, *, since: int = 0) -> list[str]:
    """Return the last lines of a log, starting at byte `since`; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.strip().splitlines()[-_TAIL_LINES:]
