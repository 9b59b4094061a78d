"""`glasscloud load`: requests at a fixed rate, and what users saw."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from client.load.control import LoadWorker
from client.load.plan import Plan
from client.load.report import Report, report_json, report_lines
from client.load.summary import Snapshot
from server.api.queries import index_folder
from vmhost.base.errors import CloudError, InvalidInput
from vmhost.base.units import parse_duration

NAME = "load"
HELP = "send requests at a fixed rate and tell what users saw"
EXAMPLES = """\
  glasscloud load http://127.0.0.1:8000/ --rate 200 --for 30s
  glasscloud load http://127.0.0.1:8000 --queries --rate 50 --for 1m   searches from the corpus, answers checked
  glasscloud load https://example.test/api -H 'Authorization: Bearer x' --timeout 500ms
  glasscloud load http://127.0.0.1:8000/ --rate 1000 --for 10s --json > run.json
"""
EVERY_S_TERMINAL = 1.0
EVERY_S_PLAIN = 5.0
_DEFAULT_QUERIES = "default"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("url", help="where to send GET requests; with --queries the search service")
    parser.add_argument(
        "--rate", type=float, default=20.0, metavar="N", help="requests a second, whatever the server does (20)"
    )
    parser.add_argument(
        "--for", dest="duration", default="10s", metavar="TIME", help="how long, such as 30s or 5m (10s)"
    )
    parser.add_argument(
        "--connections", "-c", type=int, default=64, metavar="N", help="at most so many connections (64)"
    )
    parser.add_argument(
        "--timeout", default="2s", metavar="TIME", help="give a request up so long after it was due (2s)"
    )
    parser.add_argument(
        "-H", "--header", action="append", default=[], metavar="'NAME: VALUE'", help="add a header; repeatable"
    )
    parser.add_argument(
        "--queries",
        nargs="?",
        const=_DEFAULT_QUERIES,
        metavar="FILE",
        help="search for the corpus's own words and check the answers",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed draws the same queries (1)")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")


def run(args: argparse.Namespace) -> int:
    """Runs the load; 0 VALID, 1 FAILED or not started, 3 INVALID."""
    try:
        report = asyncio.run(_load(_plan(args)))
    except CloudError as error:
        print(f"glasscloud load: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Before the start; once it runs, Ctrl-C ends it with a report.
        return 130
    if args.json:
        print(json.dumps(report_json(report), indent=2))
    else:
        print("\n".join(report_lines(report)))
    return report.exit_code


def _plan(args: argparse.Namespace) -> Plan:
    queries = args.queries
    if queries == _DEFAULT_QUERIES:
        queries = str(index_folder() / "queries.json")
    return Plan(
        url=args.url,
        rate_per_s=args.rate,
        duration_s=parse_duration(args.duration),
        connections=args.connections,
        timeout_s=parse_duration(args.timeout),
        headers=tuple(_header(text) for text in args.header),
        seed=args.seed,
        queries=queries,
    ).checked()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise InvalidInput(f"header {text!r} is not understood; expected 'Name: value'")
    return name.strip(), value.strip()


async def _load(plan: Plan) -> Report:
    async with LoadWorker() as worker:
        await worker.start(plan)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.stop_soon)
        try:
            await _show_progress(worker)
            return await worker.finished()
        finally:
            _end_progress()


async def _show_progress(worker: LoadWorker) -> None:
    every_s, last_s = (EVERY_S_TERMINAL if sys.stderr.isatty() else EVERY_S_PLAIN), 0.0
    async for snapshot in worker.snapshots():
        if snapshot.elapsed_s - last_s >= every_s - 0.1:
            last_s = snapshot.elapsed_s
            _show(progress_line(snapshot))


def progress_line(snapshot: Snapshot) -> str:
    """The run in one line: the last ten seconds' rate and latency, and all failures."""
    recent = snapshot.recent
    rate = recent.started / recent.seconds if recent.seconds else 0.0
    name, tail = recent.response.tail
    p50 = "-" if recent.response.p50 is None else f"{recent.response.p50:.1f}"
    slow = "-" if tail is None else f"{tail:.1f}"
    return (
        f"{snapshot.elapsed_s:5.0f} s  {rate:.1f} req/s  failed {snapshot.total.failed}"
        f"  p50 {p50} ms  {name} {slow} ms  waiting {snapshot.waiting}"
    )


def _show(line: str) -> None:
    if sys.stderr.isatty():
        # One line, written over; cut so that it never wraps.
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        sys.stderr.write(f"\r\x1b[K{line[: max(1, width - 1)]}")
    else:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _end_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
