"""`glasscloud load worker HOST:PORT`: send part of a load that another computer started."""

from __future__ import annotations

import argparse
from pathlib import Path

from client.cli.load.options import processes_of

NAME = "load worker"
HELP = """\
join `glasscloud load --listen HOST:PORT` on another computer and send part of its load

Both sides need the same token, in a file or in the variable GLASSCLOUD_LOAD_TOKEN. It proves each to the other and
never crosses the network. Everything else does, unencrypted: plans with their headers, and results. There is no TLS:
use a network that you trust, or a tunnel. A worker sends requests to any address that the coordinator names, so with
the token anyone can use this computer as a source of load. The files that a plan names come with it; scripts are
refused."""
EXAMPLES = """\
  openssl rand -hex 32 > token       once, then copied to each computer
  glasscloud load worker 10.0.0.5:7077 --token-file token
  glasscloud load worker 10.0.0.5:7077 --token-file token --processes auto --keep
"""
DEFAULT_WAIT = "60s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("asker", metavar="HOST:PORT", help="where the coordinator listens")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the token ($GLASSCLOUD_LOAD_TOKEN)")
    parser.add_argument(
        "--processes",
        default="1",
        metavar="N",
        help="number of processes; auto: one for each core (1)",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--wait", default=DEFAULT_WAIT, metavar="TIME", help=f"end after TIME without a coordinator ({DEFAULT_WAIT})"
    )
    group.add_argument("--keep", action="store_true", help="never give up, not even when the token is wrong")


def run(args: argparse.Namespace) -> int:
    """Serve one run after the other until no coordinator comes or it is stopped. Raises InvalidInput."""
    from client.cli.running import run_until_told
    from client.load.environment import usable_cores
    from client.load.joining.address import parse_address
    from client.load.joining.keeping import joining_of, keep
    from client.load.joining.token import token_of
    from vmhost.base.units import parse_duration

    if not args.keep:
        # With --keep the token may come later too, as a cloud's key does.
        token_of(args.token_file)
    joining = joining_of(
        parse_address(args.asker),
        token_file=None if args.token_file is None else str(args.token_file.absolute()),
        wait_s=None if args.keep else parse_duration(args.wait),
    )
    processes = processes_of(args.processes, usable_cores())
    return run_until_told(lambda: keep(joining, processes))
