"""`glasscloud load sweep URL`: latency against offered rate, up to where the service breaks."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from client.cli.command import Command
from client.cli.load.options import CONNECTIONS_HELP, add_loop_options, add_target_options, plan_of, processes_of
from client.cli.load.run import TERMINATED, say, say_all, stop_on_signals, warn_of_proxies
from client.load.outputs import check_writable
from client.load.plan.model import Plan
from client.load.plan_runner import PlanRunner
from client.load.report.page.page import sweep_page
from client.load.report.sweep_text import SCHEMA, step_line, sweep_json, sweep_lines
from client.load.run import LoadRun
from client.load.run_report import Environment, usable_cores
from client.load.sweep import RateRange, Sweep, check_range, step_of
from client.terminal.plain_text import clean_lines
from vmhost.base.errors import CloudError
from vmhost.base.files import indented_json
from vmhost.base.units import parse_duration

NAME = "load sweep"
HELP = "raise the rate until the service breaks, and find the knee of its latency"
EXAMPLES = """\
  glasscloud load sweep http://127.0.0.1:8000/ --from 100 --to 20000
  glasscloud load sweep http://127.0.0.1:8000/ --from 9 --to 900 --report s.html
  glasscloud load sweep http://127.0.0.1:8000 --queries --from 20 --to 2000
"""
STOPPED = "stopped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="URL to send requests to; with --queries that of the search service")
    group = parser.add_argument_group("rates")
    group.add_argument(
        "--from", dest="from_per_s", type=float, required=True, metavar="N", help="lowest rate per second"
    )
    group.add_argument("--to", dest="to_per_s", type=float, required=True, metavar="N", help="highest rate per second")
    group.add_argument(
        "--steps", type=int, default=8, metavar="N", help="number of rates, including those near the limit (default 8)"
    )
    group.add_argument(
        "--for", dest="duration", default="5s", metavar="TIME", help="duration of each step (default 5s)"
    )
    group.add_argument(
        "--rest", default="1s", metavar="TIME", help="pause after each step, so that queues empty (default 1s)"
    )
    group.add_argument("--poisson", action="store_true", help="random arrivals (Poisson process); this lowers the knee")
    group.add_argument("--connections", "-c", type=int, default=None, metavar="N", help=CONNECTIONS_HELP)
    group.add_argument(
        "--processes", default="1", metavar="N", help="sending processes, or auto for one per core (default 1)"
    )
    group.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the arrivals (default 1)")
    add_target_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print the sweep as JSON")
    group.add_argument("--report", type=Path, metavar="FILE", help="write the results as an HTML page")


def run(args: argparse.Namespace) -> int:
    """Runs the sweep. Raises InvalidInput.

    Returns 0, 1 if no rate is good, 2 if it could not start, 3 if the generator was the limit, 143 after SIGTERM."""
    plan = _lowest_plan(args)
    assert plan.duration_s is not None
    rates = check_range(
        RateRange(from_per_s=args.from_per_s, to_per_s=args.to_per_s, steps=args.steps), step_s=plan.duration_s
    )
    rest_s, processes = parse_duration(args.rest), processes_of(args.processes, usable_cores())
    check_writable("--report", args.report)
    warn_of_proxies([plan])
    signals: list[int] = []
    try:
        sweep, environment = asyncio.run(_sweep(plan, rates, processes=processes, rest_s=rest_s, signals=signals))
    except CloudError as error:
        if args.json:
            failure = {"kind": error.kind, "message": error.message}
            print(indented_json({"schema": SCHEMA, "kind": "sweep", "error": failure}), flush=True)
        say(f"glasscloud {NAME}: {error.message}")
        return 128 + signals[0] if signals else 2
    if args.json:
        print(indented_json(sweep_json(sweep, plan, environment)))
    else:
        print(clean_lines("\n".join(sweep_lines(sweep))))
    if args.report is not None and sweep.steps:
        args.report.write_text(sweep_page(sweep, plan), encoding="utf-8")
    return TERMINATED if signal.SIGTERM in signals else sweep.exit_code


def _lowest_plan(args: argparse.Namespace) -> Plan:
    """Returns the plan of the lowest rate; options that a sweep does not have get their defaults."""
    parser = argparse.ArgumentParser()
    add_loop_options(parser)
    defaults = vars(parser.parse_args([]))
    return plan_of(argparse.Namespace(**{**defaults, **vars(args), "rate": str(args.from_per_s)}))


async def _sweep(
    plan: Plan, rates: RateRange, *, processes: int, rest_s: float, signals: list[int]
) -> tuple[Sweep, Environment | None]:
    """Measures one rate after another; keeps the results if it is interrupted or the server disappears.

    Adds the signals that ended it to `signals`."""
    stop = stop_on_signals(signals)
    runner = PlanRunner(processes=processes, stop=stop, watch=_unwatched, on_output=say_all)
    assert plan.open is not None, "a sweep has rates"
    sweep, environment = Sweep(range=rates), None
    while (rate := sweep.next_rate()) is not None:
        try:
            step_plan = replace(plan, open=replace(plan.open, rate_per_s=rate))
            (report,) = await runner.run([step_plan], lambda _: None)
        except CloudError as error:
            if not sweep.steps:
                raise
            halted = STOPPED if stop.is_set() else f"the run at {rate:g}/s failed: {error.message}"
            return replace(sweep, halted=halted), environment
        if stop.is_set():
            # Only this step is incomplete.
            return replace(sweep, halted=STOPPED), environment
        environment, step = report.environment, step_of(rate, report)
        sweep = sweep.plus(step)
        say(step_line(sweep, step))
        if sweep.next_rate() is not None and await _stopped_within(stop, rest_s):
            return replace(sweep, halted=STOPPED), environment
    return sweep, environment


async def _unwatched(_: Sequence[LoadRun]) -> None:
    """Each step says its result when it is over."""


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


COMMANDS = {NAME: Command(help=HELP, examples=EXAMPLES, add_arguments=add_arguments, run=run)}
