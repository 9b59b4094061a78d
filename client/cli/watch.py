"""`glasscloud watch`: print a cloud's events, line by line."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "watch"
HELP = (
    "wait until a cloud and its search service are healthy, print their addresses, then a line for each event; "
    "with --load also send searches and print their latencies every ten seconds"
)
EXAMPLES = """\
  glasscloud watch
  glasscloud watch --load 20
  glasscloud watch --load 20 --json
  glasscloud watch --access access.json --frontend http://server:8000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--access", type=Path, metavar="FILE", help="the cloud's access file (default: $GLASSCLOUD_ACCESS)"
    )
    parser.add_argument("--frontend", metavar="URL", help="URL of the search service (default: $GLASSCLOUD_FRONTEND)")
    parser.add_argument(
        "--load", type=float, default=0.0, metavar="RATE", help="searches to send per second (default 0)"
    )
    parser.add_argument("--queries", type=Path, metavar="FILE", help="queries to send (default: those of the index)")
    parser.add_argument("--show-search", metavar="URL", help="print this address for the search page")
    parser.add_argument("--show-api", metavar="URL", help="print this address for the EC2 API")
    parser.add_argument("--console", metavar="HOST:PORT", help="also serve the console at this address")
    parser.add_argument(
        "--console-key", type=Path, metavar="FILE", help="file that stores the console's token (default: a new token)"
    )
    parser.add_argument("--show-console", metavar="URL", help="print this address for the console")
    parser.add_argument(
        "--workers",
        metavar="HOST:PORT",
        help="accept `glasscloud load worker` processes here, which then send the load",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the workers' token (default: $GLASSCLOUD_LOAD_TOKEN)"
    )
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="S", help="seconds to wait for a healthy cloud (default 120)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line: addresses, events, figures"
    )


def run(args: argparse.Namespace) -> int:
    """Watch until stopped."""
    from client.cli.run_async import run_until_stopped
    from client.load.distributed.address import parse_address
    from client.load.distributed.worker_token import read_token
    from client.load.plan.validation import check_rate
    from client.view.watch_cloud import WatchOptions, watch

    options = WatchOptions(
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
        token=None if args.workers is None else read_token(args.token_file),
        as_json=args.json,
    )
    return run_until_stopped(lambda: watch(options))
