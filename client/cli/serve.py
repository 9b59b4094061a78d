"""`glasscloud serve`: run one program of the search service alone."""

from __future__ import annotations

import argparse

from client.cli.exec_program import exec_program
from vmhost.base.errors import InvalidInput

NAME = "serve"
HELP = "run one program of the search service alone; other options are passed to python -m server"
EXAMPLES = """\
  glasscloud serve frontend --access state/access.json --port 8000
  glasscloud serve leaf  # inside an instance
  glasscloud serve frontend --help
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("program", nargs="?", choices=("frontend", "leaf"), help="the program to run")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="options of that program")


def run(args: argparse.Namespace) -> int:
    """Replace this process by that program."""
    if args.program is None:
        raise InvalidInput("name the program: serve frontend, or serve leaf")
    return exec_program("server", [args.program, *args.rest])
