"""`glasscloud load worker HOST:PORT`: send part of a load that another computer started."""

from __future__ import annotations

import argparse
from pathlib import Path

from client.cli.command import Command, run_until_stopped
from client.cli.load.options import processes_of

NAME = "load worker"
HELP = """\
send part of the load of `glasscloud load --listen` on another computer

Both sides need the same token, in a file or in the variable
GLASSCLOUD_LOAD_TOKEN. It authenticates each side to the other and is never
sent. Everything else is sent unencrypted, plans with their headers and results:
use a network that you trust, or a tunnel.

A worker sends requests to any address that the coordinator names. Anyone with
the token can use this computer as a source of load. The files of a plan are
sent along; scripts are refused."""
EXAMPLES = """\
  openssl rand -hex 32 > token       once, then copied to each computer
  glasscloud load worker 10.0.0.5:7077 --token-file token
  glasscloud load worker 10.0.0.5:7077 --token-file token --keep
"""
DEFAULT_WAIT = "60s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("coordinator", metavar="HOST:PORT", help="where `glasscloud load --listen` listens")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="token file (default $GLASSCLOUD_LOAD_TOKEN)")
    parser.add_argument(
        "--processes", default="1", metavar="N", help="sending processes, or auto for one per core (default 1)"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--wait",
        default=DEFAULT_WAIT,
        metavar="TIME",
        help=f"exit after TIME without a coordinator (default {DEFAULT_WAIT})",
    )
    group.add_argument("--keep", action="store_true", help="never exit, even if the token is wrong")


def run(args: argparse.Namespace) -> int:
    """Takes part in one run after another until no coordinator comes or it is stopped. Raises InvalidInput."""
    from client.load.distributed.connection import parse_address
    from client.load.distributed.handshake import read_token
    from client.load.distributed.worker_process import supervise_workers, worker_settings
    from client.load.run_report import usable_cores
    from vmhost.base.units import parse_duration

    if not args.keep:
        # With --keep the token may appear later, like the key of a cloud.
        read_token(args.token_file)
    settings = worker_settings(
        parse_address(args.coordinator),
        token_file=None if args.token_file is None else str(args.token_file.absolute()),
        wait_s=None if args.keep else parse_duration(args.wait),
    )
    processes = processes_of(args.processes, usable_cores())
    return run_until_stopped(lambda: supervise_workers(settings, processes))


COMMANDS = {NAME: Command(help=HELP, examples=EXAMPLES, add_arguments=add_arguments, run=run)}
