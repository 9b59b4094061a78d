"""One worker in a run, as the coordinator sees it: its part, its clock and what it has reported."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

from client.load.engine.engine_result import EngineResult
from client.load.json_codec import from_json
from client.load.schedule import Part
from client.load.summary import ProcessResult, TracedRequest
from client.load.worker_processes import Worker
from vmhost.base.errors import CloudError, InvalidInput, Unavailable

ANSWER_TIMEOUT_S = 10.0
_CLOCK_QUESTIONS = 15

T = TypeVar("T")


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
        self.in_flight = self.waiting = 0
        self.cpu_percent = 0.0
        self.last: TracedRequest | None = None
        self.slowest: TracedRequest | None = None
        self._clock: asyncio.Future[int] | None = None
        self._flushed: dict[int, asyncio.Future[None]] = {}

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the worker sends, until it or its connection ends. Updates this object on the way."""
        async for message in self.worker.lines():
            self._update(message)
            yield message

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

    def _update(self, message: dict[str, Any]) -> None:
        match message:
            case {"tick": tick}:
                self.in_flight, self.waiting = int(tick["in_flight"]), int(tick["waiting"])
                self.cpu_percent = float(tick["cpu_percent"])
                self.last = None if tick["last"] is None else from_json(TracedRequest, tick["last"])
                self.slowest = None if tick["slowest"] is None else from_json(TracedRequest, tick["slowest"])
            case {"ready": _}:
                _resolve(self.ready, None)
            case {"clock": _, "now": int() as now_ns} if self._clock is not None:
                _resolve(self._clock, now_ns)
            case {"flushed": int() as number} if (flushed := self._flushed.pop(number, None)) is not None:
                _resolve(flushed, None)
            case {"ended": data}:
                self.ended = from_json(EngineResult, data)
            case {"error": error}:
                kind = InvalidInput if error["kind"] == InvalidInput.kind else Unavailable
                _reject(self.ready, kind(error["message"]))

    async def compare_clocks(self) -> None:
        """Learn how far the worker's clock is ahead, from the quickest of several questions (as NTP does)."""
        best_ns = 1 << 62
        for number in range(_CLOCK_QUESTIONS):
            self._clock = asyncio.get_running_loop().create_future()
            sent_ns = time.monotonic_ns()
            self.worker.send({"clock": number})
            theirs_ns = await within(ANSWER_TIMEOUT_S, self._clock, f"the clock of {self.worker.name}")
            now_ns = time.monotonic_ns()
            if now_ns - sent_ns < best_ns:
                best_ns = now_ns - sent_ns
                self.clock_ahead_ns = theirs_ns - (sent_ns + now_ns) // 2

    async def flush(self, number: int) -> None:
        """Wait until everything that the worker has counted by now is here; `number` is used once."""
        if not self.gone and self.ended is None:
            flushed = self._flushed[number] = asyncio.get_running_loop().create_future()
            self.worker.send({"flush": number})
            await within(ANSWER_TIMEOUT_S, flushed, "a response of the load generator")

    def result(self, due: int) -> ProcessResult:
        """How it ended; of `due` arrivals a lost worker has missed those that it never reported."""
        if self.ended is None:
            return ProcessResult(
                name=self.worker.name, cpu_percent=self.cpu_percent, precise_timer=True,
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


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any], error: CloudError) -> None:
    if not future.done():
        future.set_exception(error)
        # Later callers get the error; if there are none, asyncio must not complain.
        with contextlib.suppress(asyncio.CancelledError):
            future.exception()
