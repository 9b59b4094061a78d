"""`glasscloud load URL`: a run from flags, with its progress and its report."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from client.cli.load.options import add_loop_options, add_target_options, plan_of, processes_of
from client.load.control import LoadRun
from client.load.plan.words import Plan
from client.load.report.document import report_json
from client.load.report.lines import report_lines
from client.load.report.report import Report
from client.load.summary import Snapshot

NAME = "load"
HELP = "send requests by a schedule or by users, and tell what they saw"
EXAMPLES = """\
  glasscloud load http://127.0.0.1:8000/ --rate 200 --for 30s
  glasscloud load http://127.0.0.1:8000 --queries --rate 50 --for 1m   searches from the corpus, answers checked
  glasscloud load https://example.test/api -X POST -d '{"a": 1}' -H 'Content-Type: application/json' --users 50
  glasscloud load http://127.0.0.1:9000/ --rate max -c 50 --processes auto   how fast can it go
  glasscloud load http://127.0.0.1:8000/ --rate 1000 --for 10s --json > run.json
HTTP/1.1 only: a server's HTTP/2 and HTTP/3 are not measured.
"""
EVERY_S_TERMINAL = 1.0
EVERY_S_PLAIN = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("url", help="where to send requests; with --queries the search service")
    add_loop_options(parser)
    add_target_options(parser)
    group = parser.add_argument_group("what is told")
    group.add_argument("--json", action="store_true", help="the report as JSON on standard output")


def run(args: argparse.Namespace) -> int:
    """Runs the load; 0 VALID, 1 FAILED, 3 INVALID. Raises InvalidInput, Unavailable."""
    # Ctrl-C ends a run with its report, once it has begun.
    report = asyncio.run(_load(plan_of(args), processes_of(args.processes, _cores())))
    if args.json:
        print(json.dumps(report_json(report), indent=2))
    else:
        print("\n".join(report_lines(report)))
    return report.exit_code


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def _load(plan: Plan, processes: int) -> Report:
    async with LoadRun(processes=processes) as run:
        await run.start(plan)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, run.stop_soon)
        try:
            await _show_progress(run)
            return await run.finished()
        finally:
            _end_progress()


async def _show_progress(run: LoadRun) -> None:
    every_s, last_s = (EVERY_S_TERMINAL if sys.stderr.isatty() else EVERY_S_PLAIN), 0.0
    async for snapshot in run.snapshots():
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
