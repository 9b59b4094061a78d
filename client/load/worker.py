"""The generator's process: `python -m client.load.worker`. JSON lines in, JSON lines out.

In: the plan first, then commands `{"rate": 200}`, `{"mark": "text"}`, `{"window": [t0, t1]}` (epoch seconds),
`{"stop": true}`, each with an `id` that its answer repeats. The end of the input ends the process, so that it never
outlives its asker.
Out: `{"started": epoch}` or `{"error": {...}}`; a `{"snapshot": ...}` each half second; `{"id": n, "answer": ...}` or
`{"id": n, "refused": message}`; at last `{"outcome": ...}`.
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
from pathlib import Path
from typing import Any, cast

import uvloop

from client.load.connections import reach
from client.load.engine import Engine
from client.load.histogram import Histogram
from client.load.metrics import Metrics
from client.load.pacer import NS_PER_S, ConstantPacer
from client.load.plan import Plan, check_rate, parse_target
from client.load.requests import Requests, prepare_queries, prepare_single
from client.load.summary import Snapshot, latency_of
from client.load.wire import from_json, to_json
from server.api.queries import load as load_queries
from vmhost.base import collector
from vmhost.base.errors import CloudError, InvalidInput

SNAPSHOT_EVERY_S = 0.5
RECENT_S = 10
MINUTE_S = 60
HEAD_START_NS = 20_000_000
"""The schedule begins so long after everything is ready, or its first arrivals would be late."""
LINE_MAX_BYTES = 1 << 20
OUTBOX_MAX_BYTES = 1 << 20
"""With so much unread, snapshots are left out: a slow reader must not slow the load."""


class Outbox(asyncio.BaseProtocol):
    """Lines to the asker, written without ever blocking the loop."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def send(self, message: dict[str, Any], *, may_drop: bool = False) -> None:
        """Queues one line."""
        if may_drop and self._transport.get_write_buffer_size() > OUTBOX_MAX_BYTES:
            return
        self._transport.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def close(self) -> None:
        """Returns when all is written or nobody reads any more."""
        self._transport.close()
        await self._closed.wait()


async def serve(reader: asyncio.StreamReader, outbox: Outbox) -> int:
    """One run for one asker; the exit code."""
    try:
        engine = await _prepare(await reader.readline())
    except CloudError as error:
        outbox.send({"error": {"kind": error.kind, "message": error.message}})
        await outbox.close()
        return 1
    outbox.send({"started": engine.metrics.began})
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(engine.run())
        helpers = [
            tasks.create_task(_follow(reader, engine, outbox, run.cancel)),
            tasks.create_task(_tell(engine, outbox)),
        ]
        with contextlib.suppress(asyncio.CancelledError):
            outbox.send({"outcome": to_json(await run)})
            await outbox.close()
        for helper in helpers:
            helper.cancel()
    return 0


async def _prepare(line: bytes) -> Engine:
    try:
        plan = from_json(Plan, json.loads(line)).checked()
    except ValueError as error:
        raise InvalidInput(f"the plan is not understood: {error}; expected one JSON object on a line") from error
    requests: Requests = (
        prepare_single(plan) if plan.queries is None else prepare_queries(plan, load_queries(Path(plan.queries)))
    )
    endpoint = await reach(parse_target(plan.url), plan.timeout_s)
    collector.set_aside()
    start_ns = time.monotonic_ns() + HEAD_START_NS
    return Engine(
        plan,
        endpoint=endpoint,
        requests=requests,
        pacer=ConstantPacer(rate_per_s=plan.rate_per_s, anchor_ns=start_ns),
        metrics=Metrics(start_ns, time.time() + HEAD_START_NS / NS_PER_S),
        start_ns=start_ns,
    )


async def _follow(reader: asyncio.StreamReader, engine: Engine, outbox: Outbox, abandon: Callable[[], Any]) -> None:
    while line := await reader.readline():
        try:
            command = json.loads(line)
            number = command.get("id")
        except (ValueError, AttributeError):
            number, command = None, {}
        try:
            outbox.send({"id": number, "answer": _obey(engine, command)})
        except (CloudError, ValueError, TypeError) as error:
            outbox.send({"id": number, "refused": str(error)})
    abandon()


def _obey(engine: Engine, command: dict[str, Any]) -> Any:
    """Does what one command says and gives its answer."""
    match command:
        case {"rate": float() | int() as rate}:
            engine.set_rate(check_rate(float(rate)))
            return {"rate": engine.rate_per_s}
        case {"mark": str() as text}:
            return to_json(engine.metrics.mark(text[:200], engine.settle()))
        case {"window": [float() | int() as since, float() | int() as until]}:
            return to_json(engine.metrics.window(since, until, engine.settle()))
        case {"stop": True}:
            engine.stop()
            return {}
    raise InvalidInput(f"command {str(command)[:60]} is not known; expected rate, mark, window or stop")


async def _tell(engine: Engine, outbox: Outbox) -> None:
    cpu_s, at_ns = time.process_time(), time.monotonic_ns()
    while True:
        await asyncio.sleep(SNAPSHOT_EVERY_S)
        now_cpu_s, now_ns = time.process_time(), engine.settle()
        cpu_percent = 100 * (now_cpu_s - cpu_s) * NS_PER_S / max(1, now_ns - at_ns)
        cpu_s, at_ns = now_cpu_s, now_ns
        outbox.send({"snapshot": to_json(await snapshot(engine, now_ns, round(cpu_percent, 1)))}, may_drop=True)


async def snapshot(engine: Engine, now_ns: int, cpu_percent: float) -> Snapshot:
    """The run as it stands, put together in short steps so that no request has to wait for it."""
    metrics = engine.metrics
    total = metrics.total(now_ns)
    pieces = metrics.pieces(now_ns - RECENT_S * NS_PER_S, now_ns, now_ns)
    recent = metrics.empty(pieces, now_ns, now_ns)
    for piece in pieces:
        recent.add(piece)
        await asyncio.sleep(0)
    minute = Histogram()
    for piece in metrics.pieces(now_ns - MINUTE_S * NS_PER_S, now_ns, now_ns):
        minute.add(piece.response)
        await asyncio.sleep(0)
    last, slowest = engine.trace_last()
    return Snapshot(
        at=metrics.epoch(now_ns),
        elapsed_s=(now_ns - total.start_ns) / NS_PER_S,
        rate_per_s=engine.rate_per_s,
        in_flight=engine.in_flight,
        waiting=engine.waiting,
        cpu_percent=cpu_percent,
        total=metrics.summary(total, histograms=False, instances=False),
        recent=metrics.summary(recent, histograms=False),
        minute=latency_of(minute),
        last=last,
        slowest=slowest,
        marks=tuple(metrics.marks),
    )


async def _main() -> int:
    loop = asyncio.get_running_loop()
    # The terminal's Ctrl-C is for the asker, who says stop and wants the outcome.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reader = asyncio.StreamReader(limit=LINE_MAX_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _, outbox = await loop.connect_write_pipe(Outbox, sys.stdout)
    return await serve(reader, outbox)


def _is_stream(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def main() -> int:
    """Runs the process; its exit code."""
    if not (_is_stream(sys.stdin.fileno()) and _is_stream(sys.stdout.fileno())):
        # An event loop cannot wait for a file, and uvloop aborts when asked to.
        print("client.load.worker: standard input or output is a file; expected pipes", file=sys.stderr)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())


if __name__ == "__main__":
    sys.exit(main())
