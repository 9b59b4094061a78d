"""The workers of a run as its coordinator sees them: the interface to one, and the processes of this computer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from client.load import messages
from client.load.messages import Command, Reply, decode_reply, encode_command
from client.load.run_result import EngineResult, ProcessResult
from client.load.schedule import Part
from client.load.script.captured_output import CapturedOutput
from client.load.worker import LINE_MAX_BYTES
from vmhost.base.errors import CloudError, InvalidInput, Unavailable

ANSWER_TIMEOUT_S = 10.0
_CLOCK_QUESTIONS = 15
EXIT_TIMEOUT_S = 2.0
STDERR_KEPT_BYTES = 2000

T = TypeVar("T")


class Worker(Protocol):
    """One worker process, wherever it runs."""

    name: str
    local: bool
    """Whether it runs on this computer and so shares its clock."""

    def send(self, command: Command) -> None:
        """Send a command; does nothing if the worker has gone."""

    def replies(self) -> AsyncIterator[Reply]:
        """Its replies, until it or its connection ends. Raises ValueError for a line that is not a reply."""

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
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client.load.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=LINE_MAX_BYTES, start_new_session=True,
        )  # fmt: skip

    def send(self, command: Command) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(encode_command(command))

    async def replies(self) -> AsyncIterator[Reply]:
        process = self._process
        assert process is not None, "start comes first"
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.ensure_future(self._keep_errors(process.stderr))
        try:
            with contextlib.suppress(ConnectionError):
                while line := await process.stdout.readline():
                    yield decode_reply(line)
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


class RunWorker:
    """A worker and its part of a run. `error` says why it has gone, if it did before its end."""

    def __init__(self, worker: Worker, part: Part) -> None:
        self.worker = worker
        self.part = part
        self.clock_ahead_ns = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: EngineResult | None = None
        self.gone = False
        self.error: CloudError | None = None
        self.offered = 0
        self.tick = messages.Tick(in_flight=0, waiting=0, cpu_percent=0.0, last=None, slowest=None)
        self._clock: asyncio.Future[int] | None = None
        self._flushed: dict[int, asyncio.Future[None]] = {}

    async def replies(self) -> AsyncIterator[Reply]:
        """What the worker sends, until it or its connection ends. Updates this object on the way."""
        async for reply in self.worker.replies():
            self._update(reply)
            yield reply

    def set_gone(self) -> None:
        """Note that nothing more comes from it; everything that waits for it fails."""
        self.gone = True
        reason = self.worker.exit_reason()
        gone = Unavailable(f"a worker process of the load generator has gone{f': {reason}' if reason else ''}")
        if self.ended is None:
            self.error = gone
        for future in (self.ready, self._clock, *self._flushed.values()):
            if future is not None:
                _reject(future, gone)

    def _update(self, reply: Reply) -> None:
        match reply:
            case messages.Tick():
                self.tick = reply
            case messages.Ready():
                _resolve(self.ready, None)
            case messages.Clock() if self._clock is not None:
                _resolve(self._clock, reply.now_ns)
            case messages.Flushed() if (flushed := self._flushed.pop(reply.number, None)) is not None:
                _resolve(flushed, None)
            case messages.Ended():
                self.ended = reply.result
            case messages.Failed():
                kind = InvalidInput if reply.kind == InvalidInput.kind else Unavailable
                _reject(self.ready, kind(reply.message))

    async def compare_clocks(self) -> None:
        """Learn how far the worker's clock is ahead, from the quickest of several questions (as NTP does)."""
        best_ns = 1 << 62
        for _ in range(_CLOCK_QUESTIONS):
            self._clock = asyncio.get_running_loop().create_future()
            sent_ns = time.monotonic_ns()
            self.worker.send(messages.AskClock())
            theirs_ns = await within(ANSWER_TIMEOUT_S, self._clock, f"the clock of {self.worker.name}")
            now_ns = time.monotonic_ns()
            if now_ns - sent_ns < best_ns:
                best_ns = now_ns - sent_ns
                self.clock_ahead_ns = theirs_ns - (sent_ns + now_ns) // 2

    async def flush(self, number: int) -> None:
        """Wait until everything that the worker has counted by now is here; `number` is used once."""
        if not self.gone and self.ended is None:
            flushed = self._flushed[number] = asyncio.get_running_loop().create_future()
            self.worker.send(messages.Flush(number=number))
            await within(ANSWER_TIMEOUT_S, flushed, "a response of the load generator")

    def result(self, due: int) -> ProcessResult:
        """How it ended; of `due` arrivals a lost worker has missed those that it never reported."""
        if self.ended is None:
            return ProcessResult(
                name=self.worker.name, cpu_percent=self.tick.cpu_percent, precise_timer=True,
                missed=max(0, due - self.offered), lost=True,
            )  # fmt: skip
        return ProcessResult(
            name=self.worker.name,
            cpu_percent=self.ended.cpu_percent,
            precise_timer=self.ended.precise_timer,
            missed=self.ended.missed,
            own=self.ended.own,
            blocked=self.ended.blocked,
            standstills=self.ended.standstills,
        )


async def within(seconds: float, awaited: Awaitable[T], subject: str) -> T:
    """What is awaited. Raises Unavailable naming the subject if it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await awaited
    except TimeoutError:
        raise Unavailable(f"timed out after {seconds:.0f} s waiting for {subject}") from None


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises Unavailable as soon as `stop` is set."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Unavailable("the load was stopped before it started")
        return working.result()
    finally:
        await cancel_all(working, stopped)


async def cancel_all(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any], error: CloudError) -> None:
    if not future.done():
        future.set_exception(error)
        # Later callers get the error; if there are none, asyncio must not complain.
        with contextlib.suppress(asyncio.CancelledError):
            future.exception()
