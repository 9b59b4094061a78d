"""A worker process of the load generator: `python -m client.load.worker`. JSON lines in, JSON lines out.

In, in this order: `{"job": {"plan": …, "part": [i, of]}}`; any number of `{"clock": n}`; `{"go": at}`. Then, in any
order: `{"rate": per_s, "at": at}`, `{"cut": at}`, `{"flush": n}`, `{"stop": true}`. All times are nanoseconds of this
process's monotonic clock. The process ends with its input, so that it never outlives its coordinator.
Out: `{"ready": pid}` or `{"error": {"kind", "message"}}`; `{"clock": n, "now": at}`; while it runs `{"stats": …}` for
each interval in which something was counted, `{"examples": […]}` of new failures, `{"output": […], "left_out": n}` that
a script printed, and each half second a `{"tick": …}`; `{"flushed": n}` after everything counted until then; at last
`{"ended": …}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from client.load.engine.engine_factory import EngineFactory, prepare_engine
from client.load.engine.load_engine import LoadEngine
from client.load.engine.resource_limits import raise_file_limit
from client.load.interval_stats import Recorder
from client.load.json_codec import from_json, to_json
from client.load.plan.model import Plan
from client.load.plan.placeholders import hidden
from client.load.plan.validation import check_plan, check_rate
from client.load.schedule import NS_PER_S, Part
from client.load.script.captured_output import CapturedOutput, capture_output
from vmhost.base import gc_tuning
from vmhost.base.errors import CloudError, InvalidInput

TICK_EVERY_S = 0.5
LINE_MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What one process has to do: its part of a plan. `variables` are the environment variables that the plan names;
    their values are in no message that comes back."""

    plan: Plan
    part: tuple[int, int] = (0, 1)
    variables: dict[str, str] = field(default_factory=dict, repr=False)


class LineWriter(asyncio.BaseProtocol):
    """Writes lines to the coordinator without blocking the event loop."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        """Their values are hidden in all text that is sent."""
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def send(self, message: dict[str, Any]) -> None:
        """Queue a line; after the connection has ended it is dropped. Statistics are bounded, so a slow reader costs
        memory only for its pauses."""
        if self._transport.is_closing():
            # The reader, which learns of the end a moment later, ends the run.
            return
        if self.variables and "stats" not in message:
            message = cast(dict[str, Any], hidden(message, self.variables))
        self._transport.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def close(self) -> None:
        """Wait until everything is written or the other side has gone."""
        self._transport.close()
        await self._closed.wait()


async def serve_run(
    reader: asyncio.StreamReader, outbox: LineWriter, *, scripts: bool = False, printed: CapturedOutput | None = None
) -> int:
    """Do one run for one coordinator; return the exit code. A plan's script is run only with `scripts`, for a
    coordinator that may run code here anyway; `printed` gets its output."""
    try:
        job = _job(await reader.readline(), scripts=scripts)
        outbox.variables = job.variables
        ready = await prepare_engine(check_plan(job.plan), Part(*job.part), job.variables)
    except CloudError as error:
        send_printed(outbox, printed, rest=True)
        outbox.send({"error": {"kind": error.kind, "message": error.message}})
        await outbox.close()
        return 1
    gc_tuning.collect_rarely()
    send_printed(outbox, printed)
    outbox.send({"ready": os.getpid()})
    start_ns = await _until_go(reader, outbox)
    if start_ns is None:
        await outbox.close()
        return 0
    run = WorkerRun(ready, start_ns, outbox, printed)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run.engine.run())
        helpers = [tasks.create_task(run.follow(reader, running.cancel)), tasks.create_task(run.publish_regularly())]
        with contextlib.suppress(asyncio.CancelledError):
            ended = await running
            run.flush()
            send_printed(outbox, printed, rest=True)
            outbox.send({"ended": to_json(ended)})
            await outbox.close()
        for helper in helpers:
            helper.cancel()
    return 0


def send_printed(outbox: LineWriter, printed: CapturedOutput | None, *, rest: bool = False) -> None:
    """Send what the script has printed since the last call."""
    lines, left_out = ([], 0) if printed is None else printed.take(rest=rest)
    if lines or left_out:
        outbox.send({"output": lines, "left_out": left_out})


def _job(line: bytes, *, scripts: bool) -> WorkerJob:
    try:
        job = from_json(WorkerJob, json.loads(line)["job"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"the job is not one JSON object on a line: {error}") from error
    if job.plan.script is not None and not scripts:
        raise InvalidInput(f"script {job.plan.script} cannot run on a worker; use a plan with targets")
    return job


async def _until_go(reader: asyncio.StreamReader, outbox: LineWriter) -> int | None:
    """Answer questions about the clock until the start time comes; return it, or None if the coordinator has gone."""
    while line := await reader.readline():
        match json.loads(line):
            case {"clock": int() as number}:
                outbox.send({"clock": number, "now": time.monotonic_ns()})
            case {"go": int() as at_ns}:
                return at_ns
            case _:
                return None
    return None


class WorkerRun:
    """An engine, and the conversation with the coordinator about it."""

    def __init__(
        self, ready: EngineFactory, start_ns: int, outbox: LineWriter, printed: CapturedOutput | None = None
    ) -> None:
        self._counted = Recorder(start_ns)
        if ready.plan.warm_up_s:
            self._counted.cut(start_ns + round(ready.plan.warm_up_s * NS_PER_S))
        self._outbox = outbox
        self._printed = printed
        self.engine: LoadEngine = ready.engine(self._counted, start_ns)

    async def follow(self, reader: asyncio.StreamReader, abandon: Callable[[], Any]) -> None:
        """Carry out commands until the coordinator goes away."""
        while line := await reader.readline():
            try:
                self._carry_out(json.loads(line))
            except (CloudError, ValueError) as error:
                self._outbox.send({"refused": str(error)})
        abandon()

    def _carry_out(self, command: Any) -> None:
        match command:
            case {"rate": float() | int() as rate, "at": int() as at_ns}:
                self.engine.change_rate(check_rate(float(rate)), at_ns)
            case {"cut": int() as at_ns}:
                self._counted.cut(at_ns)
            case {"flush": int() as number}:
                self.engine.catch_up()
                self.flush()
                self._outbox.send({"flushed": number})
            case {"stop": True}:
                self.engine.stop()
            case _:
                raise InvalidInput(f"command {str(command)[:60]} is not known; use rate, cut, flush or stop")

    def flush(self) -> None:
        """Send everything that was counted."""
        for stats in self._counted.take():
            self._outbox.send({"stats": stats})
        self._send_examples()

    def _send_examples(self) -> None:
        if examples := self.engine.take_examples():
            self._outbox.send({"examples": to_json(examples)})

    async def publish_regularly(self) -> None:
        """Send each half second what was counted, interval by interval, so that no request has to wait for it."""
        cpu_s, at_ns = time.process_time(), time.monotonic_ns()
        while True:
            await asyncio.sleep(TICK_EVERY_S)
            self.engine.catch_up()
            for stats in self._counted.take():
                self._outbox.send({"stats": stats})
                await asyncio.sleep(0)
            self._send_examples()
            send_printed(self._outbox, self._printed)
            now_cpu_s, now_ns = time.process_time(), time.monotonic_ns()
            cpu_percent = 100 * (now_cpu_s - cpu_s) * NS_PER_S / max(1, now_ns - at_ns)
            cpu_s, at_ns = now_cpu_s, now_ns
            last, slowest = self.engine.take_samples()
            self._outbox.send(
                {
                    "tick": {
                        "in_flight": self.engine.in_flight,
                        "waiting": self.engine.waiting,
                        "cpu_percent": round(cpu_percent, 1),
                        "last": to_json(last),
                        "slowest": to_json(slowest),
                    }
                }
            )


async def _main() -> int:
    loop = asyncio.get_running_loop()
    raise_file_limit()
    # The terminal's Ctrl-C is for the coordinator, which then stops the run and shows what was measured.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reader = asyncio.StreamReader(limit=LINE_MAX_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # Output of a script, or of a program it starts, must not mix with our lines: they use another file descriptor.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _, outbox = await loop.connect_write_pipe(LineWriter, out)
    printed = CapturedOutput()
    with capture_output(printed):
        return await serve_run(reader, outbox, scripts=True, printed=printed)


def _is_stream(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def main() -> int:
    """Run the process; return its exit code."""
    if not (_is_stream(sys.stdin.fileno()) and _is_stream(sys.stdout.fileno())):
        # An event loop cannot wait for a file, and uvloop aborts if it has to.
        print("client.load.worker: standard input and output must be pipes, not files", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())


if __name__ == "__main__":
    sys.exit(main())
