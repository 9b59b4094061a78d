"""`glasscloud host`: the platform alone."""

from __future__ import annotations

import argparse

from client.cli.programs import become

NAME = "host"
HELP = "run the platform alone: the EC2 API and its instances; other options go to python -m vmhost"
EXAMPLES = """\
  glasscloud host --driver process --state ./state
  glasscloud host --driver fake --open --port 4566
  glasscloud host --driver container --adopt       take over instances whose records were lost; --sweep removes them
  python -m vmhost --help                          all its options
"""
TAKES_REST = True
"""Options that are not ours go on to the program."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--driver", metavar="NAME", help="auto, process, container or fake")
    parser.add_argument("--port", metavar="N", help="port of the EC2 API (4566)")
    parser.add_argument("--state", metavar="DIR", help="folder for its state and the access key")
    parser.add_argument("--open", action="store_true", help="accept any signature; on loopback only")


def run(args: argparse.Namespace) -> int:
    """Becomes the platform's program."""
    options = [
        part
        for name in ("driver", "port", "state")
        if (value := getattr(args, name)) is not None
        for part in (f"--{name}", value)
    ]
    return become("vmhost", [*options, *(["--open"] if args.open else []), *args.rest])
