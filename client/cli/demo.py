"""`glasscloud demo`: a small cloud on this terminal, gone when it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from client.cli.options import INTERRUPTED, add_cloud_options, must_be_free, plan_of, say

if TYPE_CHECKING:
    from client.local.plan import LocalPlan

NAME = "demo"
RATE_MAX = 5000.0
LOG = "demo.log"
"""In the demo's folder: the log while the view has the terminal for itself."""
HELP = (
    "start a small cloud with a search service and traffic, show it live, and remove it all at the end; "
    "with --once take the tour: load, a kill, a CPU hog, and a verdict"
)
EXAMPLES = """\
  glasscloud demo
  glasscloud demo --driver process --instances 6 --shards 3
  glasscloud demo --once                 the tour without a terminal; exit code 0 if it went well
  glasscloud demo --once --json > tour.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add_cloud_options(parser)
    parser.add_argument("--once", action="store_true", help="take the tour and end")
    parser.add_argument("--json", action="store_true", help="with --once: the report as JSON on standard output")
    parser.add_argument(
        "--seconds", type=float, default=10.0, metavar="N", help="with --once: the length of each phase (10)"
    )
    parser.add_argument("--rate", type=float, metavar="N", help="searches a second (20; with --once 220)")
    parser.add_argument("--seed", type=int, metavar="N", help="choose the same queries and victims again")


def run(args: argparse.Namespace) -> int:
    """Runs the demo or the tour."""
    from client.cli.running import run_until_told
    from client.local.places import demo_folder, forget
    from vmhost.base.errors import InvalidInput

    if args.json and not args.once:
        raise InvalidInput("--json needs --once; the live view has no JSON")
    if args.rate is not None and not 0 < args.rate <= RATE_MAX:
        raise InvalidInput(f"--rate must be more than 0 and at most {RATE_MAX:g}")
    if not 1 <= args.seconds <= 600:
        raise InvalidInput("--seconds must be from 1 to 600")
    must_be_free(args)
    folder = demo_folder()
    try:
        plan = plan_of(args, NAME, state=folder, cloud=folder.name, temporary=True, console=False)
        if args.once:
            return run_until_told(lambda: _tour(plan, args))
        return run_until_told(lambda: _show(plan, args))
    finally:
        forget(folder, temporary=True)


async def _tour(plan: LocalPlan, args: argparse.Namespace) -> int:
    from client.tour.report import TourPlan
    from client.tour.run import take_tour

    tour = TourPlan(seconds=args.seconds, seed=args.seed or 1)
    if args.rate is not None:
        tour = replace(tour, rate_per_s=args.rate)
    try:
        return await take_tour(plan, tour, as_json=args.json)
    except asyncio.CancelledError:
        say("the tour was interrupted; it has no verdict")
        return INTERRUPTED


async def _show(plan: LocalPlan, args: argparse.Namespace) -> int:
    from client.local.attach import own_cloud, sweep_abandoned_demos
    from client.local.plan import CONSOLE_PORT
    from client.terminal.tty import is_terminal
    from client.tour.leftovers import Program, programs_below, still_there
    from client.tour.session import DEFAULT_RATE
    from client.view.live import show_live
    from client.view.plain import show_plain
    from client.view.showing import Showing
    from vmhost.base.logs import lines_to

    show, log = (show_live, lines_to(plan.folder / LOG)) if is_terminal() else (show_plain, contextlib.nullcontext())
    showing = Showing(
        folder=plan.folder,
        rate_per_s=args.rate or DEFAULT_RATE,
        seed=args.seed,
        console_port=CONSOLE_PORT if args.console_port is None else args.console_port,
        fixed_port=bool(args.console_port),
    )
    programs: dict[int, Program] = {}
    try:
        await sweep_abandoned_demos()
        async with own_cloud(plan, say) as supervisor:
            try:
                with log:
                    await show(supervisor.facts, supervisor.stories(), showing)
            finally:
                say("removing everything")
                programs = programs_below(supervisor.facts.supervisor)
    except asyncio.CancelledError:
        if programs:
            raise
        return INTERRUPTED
    finally:
        if programs:
            say("\n".join(f"left behind: {each}" for each in still_there(programs)) or "nothing is left")
    return 0
