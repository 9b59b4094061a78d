"""`glasscloud host`: run the platform alone."""

from __future__ import annotations

import argparse

from client.cli.exec_program import exec_program
from vmhost.api.drivers import all_descriptions

NAME = "host"
HELP = "run the platform alone: the EC2 API and its instances; other options are passed to python -m vmhost"
EXAMPLES = """\
  glasscloud host --driver process --state ./state
  glasscloud host --driver fake --open --port 4566
  glasscloud host --adopt  # keep instances whose records were lost
  glasscloud host --sweep  # remove everything of this cloud and exit
  python -m vmhost --help  # all options
"""
TAKES_REST = True
"""Unknown options are passed on to the program."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    names = ("auto", *(each.name for each in all_descriptions()))
    parser.add_argument("--driver", metavar="NAME", help=f"driver: {', '.join(names[:-1])} or {names[-1]}")
    parser.add_argument("--port", metavar="N", help="port of the EC2 API (default 4566)")
    parser.add_argument("--state", metavar="DIR", help="folder for the state and the access key")
    parser.add_argument("--open", action="store_true", help="accept any signature; only on loopback")


def run(args: argparse.Namespace) -> int:
    """Replace this process by the platform."""
    options = [
        part
        for name in ("driver", "port", "state")
        if (value := getattr(args, name)) is not None
        for part in (f"--{name}", value)
    ]
    return exec_program("vmhost", [*options, *(["--open"] if args.open else []), *args.rest])
