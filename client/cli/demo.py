"""`glasscloud demo`: run a small cloud in this terminal and remove it at the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from client.cli.cloud_options import add_cloud_options, check_ports_free, plan_from_args, print_progress
from client.cli.command import INTERRUPTED, Command, run_until_stopped
from client.local.state_dir import demo_folder, forget
from vmhost.base.errors import InvalidInput

if TYPE_CHECKING:
    import psutil

    from client.local.local_plan import LocalPlan

RATE_MAX = 5000.0
LOG = "demo.log"
"""Log file in the demo's folder, while the screen occupies the terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_cloud_options(parser)
    parser.add_argument("--once", action="store_true", help="run the tour and exit")
    parser.add_argument("--json", action="store_true", help="with --once: print the report as JSON")
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="N",
        help="with --once: length of the first phase and of the CPU hog (default 10)",
    )
    parser.add_argument("--rate", type=float, metavar="N", help="searches per second (default 20; with --once 220)")
    parser.add_argument("--seed", type=int, metavar="N", help="random seed, to repeat the same queries and victims")


def run(args: argparse.Namespace) -> int:
    """Run the demo or the tour."""
    if args.json and not args.once:
        raise InvalidInput("--json needs --once")
    if args.rate is not None and not 0 < args.rate <= RATE_MAX:
        raise InvalidInput(f"--rate must be more than 0 and at most {RATE_MAX:g}")
    if not 1 <= args.seconds <= 600:
        raise InvalidInput("--seconds must be from 1 to 600")
    check_ports_free(args)
    folder = demo_folder()
    try:
        plan = plan_from_args(args, "demo", state=folder, cloud=folder.name, temporary=True, console=False)
        if args.once:
            return run_until_stopped(lambda: _tour(plan, args))
        return run_until_stopped(lambda: _show(plan, args))
    finally:
        forget(folder, temporary=True)


async def _tour(plan: LocalPlan, args: argparse.Namespace) -> int:
    from client.tour.tour_report import TourPlan
    from client.tour.tour_run import run_tour

    tour = TourPlan(seconds=args.seconds, seed=args.seed or 1)
    if args.rate is not None:
        tour = replace(tour, rate_per_s=args.rate)
    try:
        return await run_tour(plan, tour, as_json=args.json)
    except asyncio.CancelledError:
        print_progress("the tour was interrupted; it has no verdict")
        return INTERRUPTED


async def _show(plan: LocalPlan, args: argparse.Namespace) -> int:
    from client.local.local_plan import CONSOLE_PORT
    from client.local.supervised_cloud import own_cloud, sweep_abandoned_demos
    from client.process_tree import process_tree, still_running
    from client.session import DEFAULT_RATE
    from client.terminal.tty import is_terminal
    from client.view.live_view import show_live
    from client.view.plain_view import show_plain
    from client.view.session_view import ViewOptions
    from vmhost.base.logs import lines_to

    show, log = (show_live, lines_to(plan.folder / LOG)) if is_terminal() else (show_plain, contextlib.nullcontext())
    options = ViewOptions(
        folder=plan.folder,
        rate_per_s=args.rate or DEFAULT_RATE,
        seed=args.seed,
        console_port=CONSOLE_PORT if args.console_port is None else args.console_port,
        fixed_port=bool(args.console_port),
    )
    programs: tuple[psutil.Process, ...] = ()
    try:
        await sweep_abandoned_demos()
        async with own_cloud(plan, print_progress) as supervisor:
            try:
                with log:
                    await show(supervisor.facts, supervisor.messages(), options)
            finally:
                print_progress("removing everything")
                programs = process_tree(supervisor.facts.supervisor)
    except asyncio.CancelledError:
        if programs:
            raise
        return INTERRUPTED
    finally:
        if programs:
            print_progress("\n".join(f"left behind: {each}" for each in still_running(programs)) or "nothing is left")
    return 0


COMMANDS = {
    "demo": Command(
        help="start a small cloud with a search service and traffic, show it live, and remove everything at the end; "
        "with --once run the tour: load, a kill, a CPU hog, and a verdict",
        examples="""\
  glasscloud demo
  glasscloud demo --driver process --instances 6 --shards 3
  glasscloud demo --once  # the tour; exit code 0 if it passed
  glasscloud demo --once --json > tour.json
""",
        add_arguments=add_arguments,
        run=run,
    ),
}
