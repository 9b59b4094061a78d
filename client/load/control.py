"""The generator's process as an object: start it, steer it, read it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from client.load.plan import Plan
from client.load.report import Report, make_report
from client.load.summary import Mark, Outcome, Snapshot, Summary
from client.load.wire import from_json, to_json
from vmhost.base.errors import CloudError, InvalidInput, Unavailable

START_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 10.0
LEAVE_TIMEOUT_S = 2.0
LINE_MAX_BYTES = 64 << 20
STDERR_KEPT_BYTES = 2000


class LoadWorker:
    """One run in a process of its own.

    `async with LoadWorker() as worker: await worker.start(plan)`. Leaving the block ends the process, finished or not.
    Every method raises Unavailable once the process has died, with the last it said."""

    def __init__(self) -> None:
        self.latest: Snapshot | None = None
        self._plan: Plan | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = asyncio.TaskGroup()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._started: asyncio.Future[float] | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self._news = asyncio.Condition()
        self._stderr = b""

    async def __aenter__(self) -> LoadWorker:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._leave()
        finally:
            # The block's own error goes on as it is, not in a group; a cancellation may be the group's own affair.
            ours = isinstance(error, asyncio.CancelledError)
            await self._tasks.__aexit__(kind if ours else None, error if ours else None, trace if ours else None)

    async def start(self, plan: Plan) -> float:
        """Starts the run; the epoch second of its beginning.

        Raises InvalidInput for a plan that makes no sense, Unavailable where its server cannot be reached."""
        if self._process is not None:
            raise RuntimeError("a LoadWorker does one run")
        self._plan = plan.checked()
        loop = asyncio.get_running_loop()
        self._started, self._outcome = loop.create_future(), loop.create_future()
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client.load.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=LINE_MAX_BYTES, start_new_session=True,
        )  # fmt: skip
        self._tasks.create_task(self._read(process))
        self._tasks.create_task(self._read_stderr(process))
        self._write(to_json(plan))
        return float(await _within(START_TIMEOUT_S + plan.timeout_s, self._started, "the load generator's start"))

    async def set_rate(self, rate_per_s: float) -> None:
        """Changes the arrival rate; 0 pauses. Raises InvalidInput."""
        await self._ask({"rate": rate_per_s})

    async def mark(self, text: str) -> Mark:
        """Notes an event now; a window from or to its time is exact to the request."""
        return from_json(Mark, await self._ask({"mark": text}))

    async def window(self, since: float, until: float) -> Summary:
        """The summary, with histograms, of the requests due in that stretch of the last ten minutes (epoch seconds)."""
        return from_json(Summary, await self._ask({"window": [since, until]}))

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """The newest snapshot each time there is one, until the run ends; a slow reader skips some."""
        seen: Snapshot | None = None
        while True:
            async with self._news:
                await self._news.wait_for(lambda: self.latest is not seen or self._over)  # noqa: B023 read at once
                if self.latest is seen:
                    return
                seen = self.latest
            assert seen is not None
            yield seen

    async def stop(self) -> Report:
        """Ends the schedule now and gives the report of what was measured; also of a run that ended by itself."""
        self.stop_soon()
        return await self.finished()

    def stop_soon(self) -> None:
        """Asks for the end of the schedule without waiting for it: for signal handlers."""
        if not self._over:
            self._write({"stop": True})

    async def finished(self) -> Report:
        """Waits for the run's end and gives its report."""
        assert self._outcome is not None, "start comes first"
        assert self._plan is not None
        return make_report(self._plan, await asyncio.shield(self._outcome))

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def _over(self) -> bool:
        return self._outcome is None or self._outcome.done()

    async def _ask(self, command: dict[str, Any]) -> Any:
        if self._over:
            raise self._gone()
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._write({"id": number, **command})
            return await _within(ANSWER_TIMEOUT_S, answer, "an answer of the load generator")
        finally:
            del self._answers[number]

    def _write(self, message: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                await self._take(json.loads(line))
        finally:
            code = await process.wait()
            # What it said last arrives on another pipe, at about the same time.
            await asyncio.sleep(0)
            await self._end(self._gone(code))

    async def _take(self, message: dict[str, Any]) -> None:
        assert self._started is not None
        assert self._outcome is not None
        if "snapshot" in message:
            async with self._news:
                self.latest = from_json(Snapshot, message["snapshot"])
                self._news.notify_all()
        elif "started" in message:
            _settle(self._started, message["started"])
        elif "outcome" in message:
            _settle(self._outcome, from_json(Outcome, message["outcome"]))
            await self._end(self._gone())
        elif "error" in message:
            kind = InvalidInput if message["error"]["kind"] == InvalidInput.kind else Unavailable
            _refuse(self._started, kind(message["error"]["message"]))
        elif (answer := self._answers.get(message.get("id", 0))) is not None:
            if "refused" in message:
                _refuse(answer, InvalidInput(message["refused"]))
            else:
                _settle(answer, message["answer"])

    async def _end(self, error: CloudError) -> None:
        for future in (self._started, self._outcome, *self._answers.values()):
            if future is not None:
                _refuse(future, error)
        async with self._news:
            self._news.notify_all()

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while chunk := await process.stderr.read(4096):
            self._stderr = (self._stderr + chunk)[-STDERR_KEPT_BYTES:]

    def _gone(self, code: int | None = None) -> Unavailable:
        said = self._stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        ended = "has ended" if code is None else f"ended with code {code}"
        return Unavailable(f"the load generator {ended}{f' ({said})' if said else ''}; expected it to run")

    async def _leave(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _within(seconds: float, future: asyncio.Future[Any], what: str) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await future
    except TimeoutError:
        raise Unavailable(f"{what} did not come within {seconds:.0f} s; expected it at once") from None


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _refuse(future: asyncio.Future[Any], error: CloudError) -> None:
    if not future.done():
        future.set_exception(error)
        # Whoever asks later learns of it; nobody asking is no fault.
        future.exception()
