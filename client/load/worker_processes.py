"""The worker processes that send a run's load: the interface to one, and the processes of this computer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from client.load.script.captured_output import CapturedOutput
from client.load.worker import LINE_MAX_BYTES

EXIT_TIMEOUT_S = 2.0
STDERR_KEPT_BYTES = 2000


class Worker(Protocol):
    """One worker process, wherever it runs. Its messages are those of `client.load.worker`."""

    name: str
    local: bool
    """Whether it runs on this computer and so shares its clock."""

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; does nothing if the worker has gone."""

    def lines(self) -> AsyncIterator[dict[str, Any]]:
        """Its messages, until it or its connection ends."""

    def take_output(self) -> tuple[Sequence[str], int]:
        """The lines that programs started by its script have printed since the last call, and the number left out."""

    def exit_reason(self) -> str:
        """Why it may have ended, in a few words; empty if unknown."""

    async def close(self) -> None:
        """End it, by force if it does not end by itself."""


class WorkerSource(Protocol):
    """Where a run gets its workers."""

    async def acquire(self, wanted: int) -> Sequence[Worker]:
        """The workers for one run. Raises Unavailable."""


class LocalWorkers:
    """Processes of this computer, started for each run."""

    async def acquire(self, wanted: int) -> Sequence[Worker]:
        started = [LocalWorker(f"process {number + 1}") for number in range(wanted)]
        try:
            await asyncio.gather(*(worker.start() for worker in started))
        except BaseException:
            for worker in started:
                await worker.close()
            raise
        return started


class LocalWorker:
    """`python -m client.load.worker` as a child."""

    local = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: asyncio.subprocess.Process | None = None
        self._stderr = b""
        self._printed = CapturedOutput()
        self._code: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id, once it was started."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client.load.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=LINE_MAX_BYTES, start_new_session=True,
        )  # fmt: skip

    def send(self, message: dict[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        process = self._process
        assert process is not None, "start comes first"
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.ensure_future(self._keep_errors(process.stderr))
        try:
            with contextlib.suppress(ConnectionError):
                while line := await process.stdout.readline():
                    yield json.loads(line)
            self._code = await process.wait()
            # Its last error output arrives on another pipe, at about the same time.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(errors), 1.0)
        finally:
            errors.cancel()

    def take_output(self) -> tuple[Sequence[str], int]:
        return self._printed.take()

    def exit_reason(self) -> str:
        said = self._stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        ended = "" if self._code is None else f"ended with code {self._code}"
        return f"{ended}{f' ({said})' if said else ''}"

    async def close(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_errors(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(4096):
            self._stderr = (self._stderr + chunk)[-STDERR_KEPT_BYTES:]
            self._printed.write(chunk)
