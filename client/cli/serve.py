"""`glasscloud serve`: one program of the search service alone."""

from __future__ import annotations

import argparse

from client.cli.programs import become
from vmhost.base.errors import InvalidInput

NAME = "serve"
HELP = "run one program of the search service alone; other options go to python -m server"
EXAMPLES = """\
  glasscloud serve frontend --access state/access.json --port 8000
  glasscloud serve leaf            inside an instance: the metadata service names its shard
  glasscloud serve frontend --help
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("program", nargs="?", choices=("frontend", "leaf"), help="which one")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="its options")


def run(args: argparse.Namespace) -> int:
    """Becomes that program."""
    if args.program is None:
        raise InvalidInput("name the program: serve frontend, or serve leaf")
    return become("server", [args.program, *args.rest])
