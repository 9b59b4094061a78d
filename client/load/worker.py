"""A worker process of the load generator: `python -m client.load.worker`. It talks to a coordinator in `messages.py`.

The process ends with its input, so that it never outlives its coordinator.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import uvloop

from client.load import messages
from client.load.engine.closed_loop import ClosedLoopEngine, FastPathChannel
from client.load.engine.endpoint import Endpoint, reach_all
from client.load.engine.load_engine import LoadEngine
from client.load.engine.open_loop import OpenLoopEngine
from client.load.engine.transport import Http1Channel, Http1Transport
from client.load.generator_limits import raise_file_limit
from client.load.interval_stats import Recorder
from client.load.messages import Command, Reply, decode_command, encode_reply
from client.load.plan.model import Plan
from client.load.plan.validation import check_plan, check_rate
from client.load.request_factory import prepare_requests
from client.load.requests import RequestSequence
from client.load.run_result import cpu_percent_since
from client.load.schedule import NS_PER_S, Part
from client.load.script.captured_output import CapturedOutput, capture_output
from vmhost.base import gc_tuning
from vmhost.base.errors import CloudError, InvalidInput

TICK_EVERY_S = 0.5
LINE_MAX_BYTES = 256 << 20

MakeEngine = Callable[[Recorder, int], LoadEngine]
"""Makes the engine of a run that starts at that time."""
NextLine = Callable[[], Awaitable[bytes]]
"""Returns the next line of the coordinator; empty once it has gone."""


def decode_job(line: bytes) -> messages.Job:
    """The job of a line. Raises InvalidInput that says what is wrong with it."""
    try:
        job = decode_command(line)
    except ValueError as error:
        raise InvalidInput(f"the job cannot be read: {error}") from error
    if not isinstance(job, messages.Job):
        raise InvalidInput(f"the first message must be a job, not {type(job).__name__}")
    return job


class LineWriter(asyncio.BaseProtocol):
    """Writes lines to the coordinator without blocking the event loop. `wait_closed` is that of a transport which has
    a protocol of its own."""

    def __init__(self, wait_closed: Callable[[], Awaitable[object]] | None = None) -> None:
        self.variables: dict[str, str] = {}
        """Their values are hidden in all text that is sent."""
        self._closed = asyncio.Event()
        self._wait_closed = wait_closed or self._closed.wait

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def send(self, reply: Reply) -> None:
        """Queue a line; after the connection has ended it is dropped. Statistics are bounded, so a slow reader costs
        memory only for its pauses."""
        # The reader, which learns of the end a moment later, ends the run.
        if not self._transport.is_closing():
            self._transport.write(encode_reply(reply, self.variables))

    async def close(self) -> None:
        """Wait until everything is written or the other side has gone."""
        self._transport.close()
        with contextlib.suppress(OSError):
            await self._wait_closed()


async def refuse_job(outbox: LineWriter, error: CloudError) -> None:
    """Say why there is no run, and wait until that is sent."""
    outbox.send(messages.Failed(kind=error.kind, message=error.message))
    await outbox.close()


async def serve_run(
    job: messages.Job, next_line: NextLine, outbox: LineWriter, *, printed: CapturedOutput | None = None
) -> int:  # fmt: skip
    """Do one run for one coordinator; return the exit code. `printed` has the output of the plan's script."""
    try:
        outbox.variables = job.variables
        make_engine = await prepare_engine(check_plan(job.plan), Part(*job.part), job.variables)
    except CloudError as error:
        send_printed(outbox, printed, rest=True)
        await refuse_job(outbox, error)
        return 1
    gc_tuning.collect_rarely()
    send_printed(outbox, printed)
    outbox.send(messages.Ready(pid=os.getpid()))
    start_ns = await _until_go(next_line, outbox)
    if start_ns is None:
        await outbox.close()
        return 0
    recorder = Recorder(start_ns)
    if job.plan.warm_up_s:
        recorder.cut(start_ns + round(job.plan.warm_up_s * NS_PER_S))
    run = WorkerRun(recorder, make_engine(recorder, start_ns), outbox, printed)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run.engine.run())
        helpers = [tasks.create_task(run.follow(next_line, running.cancel)), tasks.create_task(run.publish_regularly())]
        with contextlib.suppress(asyncio.CancelledError):
            ended = await running
            run.flush()
            send_printed(outbox, printed, rest=True)
            outbox.send(messages.Ended(result=ended))
            await outbox.close()
        for helper in helpers:
            helper.cancel()
    return 0


def send_printed(outbox: LineWriter, printed: CapturedOutput | None, *, rest: bool = False) -> None:
    """Send what the script has printed since the last call."""
    lines, left_out = ([], 0) if printed is None else printed.take(rest=rest)
    if lines or left_out:
        outbox.send(messages.Output(lines=lines, left_out=left_out))


async def _until_go(next_line: NextLine, outbox: LineWriter) -> int | None:
    """Answer questions about the clock until the start time comes; return it, or None if the coordinator has gone."""
    while line := await next_line():
        match decode_command(line):
            case messages.AskClock():
                outbox.send(messages.Clock(now_ns=time.monotonic_ns()))
            case messages.Go(at_ns=at_ns):
                return at_ns
            case _:
                return None
    return None


async def prepare_engine(plan: Plan, part: Part, variables: Mapping[str, str]) -> MakeEngine:
    """Prepare the requests, or the script, and connect to each server once. Raises InvalidInput, Unavailable."""
    if plan.script is not None:
        # Imports a general HTTP client, which takes time: only for scripts.
        from client.load.script.flow_engines import prepare_script, script_engine

        return partial(script_engine, plan, part, *await prepare_script(plan))
    requests = prepare_requests(plan, variables)
    return partial(http_engine, plan, part, requests, await reach_all(plan, requests.origins))


def http_engine(
    plan: Plan, part: Part, requests: RequestSequence, endpoints: Sequence[Endpoint], recorder: Recorder, start_ns: int
) -> LoadEngine:
    """The engine for a run of prepared requests to these servers that starts at that time.

    It takes the fast path if users send again at once and responses need no closer look."""
    at_once = plan.closed is not None and not plan.closed.think_s and requests.limit(plan.requests) is None
    fast = at_once and requests.easy and not plan.traced and len(endpoints) == 1
    channel = FastPathChannel if fast else Http1Channel
    transports = [Http1Transport(endpoint, bodies=not requests.easy, kind=channel) for endpoint in endpoints]
    kind = OpenLoopEngine if plan.closed is None else ClosedLoopEngine
    return kind(plan, transports=transports, requests=requests, recorder=recorder, start_ns=start_ns, part=part)


class WorkerRun:
    """An engine, and the conversation with the coordinator about it."""

    def __init__(
        self, recorder: Recorder, engine: LoadEngine, outbox: LineWriter, printed: CapturedOutput | None
    ) -> None:
        self._recorder = recorder
        self.engine = engine
        self._outbox = outbox
        self._printed = printed

    async def follow(self, next_line: NextLine, abandon: Callable[[], Any]) -> None:
        """Carry out commands until the coordinator goes away."""
        while line := await next_line():
            try:
                self._carry_out(decode_command(line))
            except (CloudError, ValueError) as error:
                self._outbox.send(messages.Refused(reason=str(error)))
        abandon()

    def _carry_out(self, command: Command) -> None:
        match command:
            case messages.SetRate():
                self.engine.change_rate(check_rate(command.rate_per_s), command.at_ns)
            case messages.Cut():
                self._recorder.cut(command.at_ns)
            case messages.Flush():
                self.engine.catch_up()
                self.flush()
                self._outbox.send(messages.Flushed(number=command.number))
            case messages.Stop():
                self.engine.stop()
            case _:
                raise InvalidInput(f"{type(command).__name__} is not possible during a run")

    def flush(self) -> None:
        """Send everything that was counted."""
        for interval in self._recorder.take():
            self._outbox.send(messages.Counted(interval=interval))
        self._send_examples()

    def _send_examples(self) -> None:
        if examples := self.engine.take_examples():
            self._outbox.send(messages.Examples(examples=examples))

    async def publish_regularly(self) -> None:
        """Send each half second what was counted, interval by interval, so that no request has to wait for it."""
        cpu_s, at_ns = time.process_time(), time.monotonic_ns()
        while True:
            await asyncio.sleep(TICK_EVERY_S)
            self.engine.catch_up()
            for interval in self._recorder.take():
                self._outbox.send(messages.Counted(interval=interval))
                await asyncio.sleep(0)
            self._send_examples()
            send_printed(self._outbox, self._printed)
            cpu_percent = cpu_percent_since(cpu_s, at_ns, time.monotonic_ns())
            cpu_s, at_ns = time.process_time(), time.monotonic_ns()
            last, slowest = self.engine.take_samples()
            self._outbox.send(
                messages.Tick(
                    in_flight=self.engine.in_flight,
                    waiting=self.engine.waiting,
                    cpu_percent=round(cpu_percent, 1),
                    last=last,
                    slowest=slowest,
                )
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
    try:
        job = decode_job(await reader.readline())
    except InvalidInput as error:
        await refuse_job(outbox, error)
        return 1
    with capture_output(printed):
        return await serve_run(job, reader.readline, outbox, printed=printed)


def _is_stream(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def main() -> int:
    if not (_is_stream(sys.stdin.fileno()) and _is_stream(sys.stdout.fileno())):
        # An event loop cannot wait for a file, and uvloop aborts if it has to.
        print("client.load.worker: standard input and output must be pipes, not files", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())


if __name__ == "__main__":
    sys.exit(main())
