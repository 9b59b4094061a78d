"""Options that several commands share, and the plan they describe."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from client.called import called
from client.local.plan import API_PORT, CONSOLE_PORT, DRIVERS, SEARCH_PORT, LocalPlan, checked, replicas_of
from client.view.text import wrap

INTERRUPTED = 130
"""Exit code after Ctrl-C before a command has done what it was for."""


def add_cloud_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what a local cloud shall be."""
    parser.add_argument(
        "--driver",
        choices=DRIVERS,
        default="auto",
        help="what a machine is (auto: containers where an engine has the image, else processes)",
    )
    parser.add_argument(
        "--instances", type=int, default=None, metavar="N", help="machines that serve (2 for each shard)"
    )
    parser.add_argument("--shards", type=int, default=2, metavar="S", help="parts of the search index (2)")
    parser.add_argument("--type", default="t3.nano", metavar="TYPE", help="their instance type (t3.nano)")
    parser.add_argument("--corpus", metavar="DIR", help="search this folder of text, Markdown or HTML instead")
    parser.add_argument(
        "--overcommit", type=float, default=1.0, metavar="N", help="promise N times what this machine has (1)"
    )
    parser.add_argument(
        "--port", type=int, default=SEARCH_PORT, metavar="N", help=f"of the search page ({SEARCH_PORT})"
    )
    parser.add_argument(
        "--console-port", type=int, default=CONSOLE_PORT, metavar="N", help=f"of the console ({CONSOLE_PORT})"
    )
    parser.add_argument("--api-port", type=int, default=API_PORT, metavar="N", help=f"of the EC2 API ({API_PORT})")


def plan_of(
    args: argparse.Namespace, command: str, *, state: Path, cloud: str, temporary: bool = False, console: bool = True
) -> LocalPlan:
    """The plan that the command's options describe, with or without a console of its own. Raises InvalidInput."""
    instances = 2 * args.shards if args.instances is None else args.instances
    return checked(
        LocalPlan(
            state=str(state),
            typed=f"{called()} {command}",
            cloud=cloud,
            driver=args.driver,
            shards=args.shards,
            replicas=replicas_of(instances, args.shards),
            type=args.type,
            corpus=None if args.corpus is None else str(Path(args.corpus).resolve()),
            overcommit=args.overcommit,
            api_port=args.api_port,
            search_port=args.port,
            console_port=args.console_port if console else None,
            temporary=temporary,
        )
    )


def say(text: str) -> None:
    """Progress, beside what programs read; on a terminal no word is broken at its edge."""
    lines = text.splitlines()
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in wrap(line, columns, indent="    ")]
    print("\n".join(lines), file=sys.stderr, flush=True)
