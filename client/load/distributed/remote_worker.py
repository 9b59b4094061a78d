"""A worker that has joined from another computer, for use in a run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from msgspec import structs

from client.load.distributed.connection import LineReader
from client.load.distributed.job_files import bundle
from client.load.messages import Command, Ended, Failed, Go, Job, Reply, decode_reply, encode_command
from client.load.workers import EXIT_TIMEOUT_S

WORKER_LINE_BYTES_MAX = 16 << 20
_LINES_HELD_MAX = 16
"""When this many lines wait, no more is read: the connection holds the rest back."""
SILENCE_S = 5
"""A worker in a run reports each half second; one that sends nothing for this long is lost."""


class RemoteWorker:
    """One process of a worker, at the other end of a connection on which it has proved itself."""

    local = False

    def __init__(self, name: str, lines: LineReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._lines = lines
        self._writer = writer
        self._said: asyncio.Queue[bytes] = asyncio.Queue(_LINES_HELD_MAX)
        self._taken = self._running = False
        self._gone = asyncio.Event()
        self._words = ""
        self._dismissed = False

    @property
    def lost(self) -> bool:
        """Whether it went away, other than after a run or because it was closed."""
        return self._gone.is_set() and not self._dismissed

    async def listen(self) -> None:
        """Receive its lines until its connection ends, which ends it as a worker."""
        try:
            with contextlib.suppress(ValueError):
                while line := await self._lines.next(WORKER_LINE_BYTES_MAX):
                    if not self._taken:
                        # A worker sends nothing before it has a job.
                        return
                    await self._said.put(line)
        finally:
            self._words = self._words or "its connection ended"
            self._writer.transport.abort()
            self._gone.set()
            # Wakes a reader that waits; one that has lines to read comes to the end by itself.
            with contextlib.suppress(asyncio.QueueFull):
                self._said.put_nowait(b"")

    def send(self, command: Command) -> None:
        """As in `Worker`, with the plan's files. Raises InvalidInput for files that cannot be sent."""
        self._taken = True
        if isinstance(command, Job):
            command = bundle(command)
        self._running = self._running or isinstance(command, Go)
        if not self._writer.is_closing():
            self._writer.write(encode_command(command))

    async def replies(self) -> AsyncIterator[Reply]:
        while line := await self._next():
            reply = decode_reply(line)
            if isinstance(reply, Ended):
                self._running, self._dismissed = False, True
            if isinstance(reply, Failed):
                reply = structs.replace(reply, message=f"worker {self.name}: {reply.message}")
            yield reply

    def take_output(self) -> tuple[Sequence[str], int]:
        # It runs no scripts, and keeps its own log.
        return (), 0

    def exit_reason(self) -> str:
        return self._words

    async def close(self) -> None:
        self._dismissed = True
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                # Lines that are not read any more must not keep `listen` from its end.
                while not self._gone.is_set():
                    await self._said.get()
        self._writer.transport.abort()

    async def _next(self) -> bytes:
        # Counted in steps of this loop, so that a pause of this process is not taken for the worker's.
        silent_s = 0
        while silent_s < SILENCE_S:
            if self._gone.is_set() and self._said.empty():
                return b""
            try:
                async with asyncio.timeout(1.0):
                    return await self._said.get()
            except TimeoutError:
                silent_s += self._running
        self._words = f"it sent nothing for {SILENCE_S} s"
        self._writer.transport.abort()
        return b""
