"""`glasscloud watch`: a cloud's story, line by line."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "watch"
HELP = (
    "wait until a cloud and its search service are healthy, print their addresses, then a line for each event; "
    "with --load also send searches and print their response times every ten seconds"
)
EXAMPLES = """\
  glasscloud watch
  glasscloud watch --load 20
  glasscloud watch --load 20 --json
  GLASSCLOUD_ACCESS=/state/access.json glasscloud watch --frontend http://server:8000 --load 20
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--access", type=Path, metavar="FILE", help="the cloud's access file ($GLASSCLOUD_ACCESS)")
    parser.add_argument("--frontend", metavar="URL", help="the search service ($GLASSCLOUD_FRONTEND)")
    parser.add_argument("--load", type=float, default=0.0, metavar="RATE", help="searches a second to send (0)")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="queries to send (those of the built index)")
    parser.add_argument("--show-search", metavar="URL", help="the search page's address as people reach it")
    parser.add_argument("--show-api", metavar="URL", help="the EC2 API's address as people reach it")
    parser.add_argument("--console", metavar="HOST:PORT", help="serve the console at this address, on the same load")
    parser.add_argument(
        "--console-key", type=Path, metavar="FILE", help="file that keeps its token (default: a new token)"
    )
    parser.add_argument("--show-console", metavar="URL", help="the console's address as people reach it")
    parser.add_argument(
        "--workers", metavar="HOST:PORT", help="listen here for `glasscloud load worker`s, which send the load"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="their token ($GLASSCLOUD_LOAD_TOKEN)")
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="S", help="seconds to wait for a healthy cloud (120)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line: addresses, events, figures")


def run(args: argparse.Namespace) -> int:
    """Watches until it is stopped."""
    from client.cli.running import run_until_told
    from client.load.joining.address import parse_address
    from client.load.joining.token import token_of
    from client.load.plan.check import check_rate
    from client.view.watching import Watching, watch

    watching = Watching(
        access=args.access,
        frontend=args.frontend,
        rate_per_s=check_rate(args.load),
        queries=args.queries,
        shown_search=args.show_search,
        shown_api=args.show_api,
        wait_s=args.wait,
        console=None if args.console is None else parse_address(args.console, default_host="127.0.0.1"),
        console_key=args.console_key,
        shown_console=args.show_console,
        workers=None if args.workers is None else parse_address(args.workers, default_host="127.0.0.1"),
        token=None if args.workers is None else token_of(args.token_file),
        as_json=args.json,
    )
    return run_until_told(lambda: watch(watching))
