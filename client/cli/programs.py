"""`glasscloud host`, `serve` and `index`: run one program of a cloud alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from client.cli.command import Command
from vmhost.api.drivers import all_descriptions
from vmhost.base.errors import InvalidInput


def _replace_this_process(package: str, args: Sequence[str]) -> NoReturn:
    """Replace this process by `python -m package args`."""
    sys.stdout.flush()
    # -P: a folder `server` in the current folder must not replace our package.
    os.execv(sys.executable, [sys.executable, "-P", "-m", package, *args])


def _given(args: argparse.Namespace, *names: str) -> list[str]:
    """Return those of the options that the user gave, as they are passed on."""
    values = {name: getattr(args, name) for name in names}
    return [part for name, value in values.items() if value is not None for part in (f"--{name}", value)]


def _add_host_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(("auto", *(each.name for each in all_descriptions())))
    parser.add_argument("--driver", metavar="NAME", help=f"{names}, or several: process,container (default auto)")
    parser.add_argument("--port", metavar="N", help="port of the EC2 API (default 4566)")
    parser.add_argument("--state", metavar="DIR", help="folder for the state and the access key")
    parser.add_argument("--open", action="store_true", help="accept any signature; only on loopback")


def _host(args: argparse.Namespace) -> int:
    options = _given(args, "driver", "port", "state")
    _replace_this_process("vmhost", [*options, *(["--open"] if args.open else []), *args.rest])


def _add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", nargs="?", choices=("frontend", "leaf"), help="the program to run")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="options of that program")


def _serve(args: argparse.Namespace) -> int:
    if args.program is None:
        raise InvalidInput("name the program: serve frontend, or serve leaf")
    _replace_this_process("server", [args.program, *args.rest])


def _add_index_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus", metavar="DIR", help="folder of text, Markdown or HTML files (default glasscloud's own documents)"
    )
    parser.add_argument("--shards", metavar="S", help="number of shards")
    parser.add_argument("--out", metavar="DIR", help="output folder")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _index(args: argparse.Namespace) -> int:
    options = _given(args, "corpus", "shards", "out")
    _replace_this_process("server", ["index", *options, *(["--json"] if args.json else [])])


COMMANDS = {
    "host": Command(
        help="run the platform alone: the EC2 API and its instances; other options are passed to python -m vmhost",
        examples="""\
  glasscloud host --driver process --state ./state
  glasscloud host --driver fake --open --port 4566
  glasscloud host --adopt  # keep instances whose records were lost
  glasscloud host --sweep  # remove everything of this cloud and exit
  python -m vmhost --help  # all options
""",
        add_arguments=_add_host_arguments,
        run=_host,
        passes_rest=True,
    ),
    "serve": Command(
        help="run one program of the search service alone; other options are passed to python -m server",
        examples="""\
  glasscloud serve frontend --access state/access.json --port 8000
  glasscloud serve leaf  # inside an instance
  glasscloud serve frontend --help
""",
        add_arguments=_add_serve_arguments,
        run=_serve,
    ),
    "index": Command(
        help="build the search index from the documents that come with glasscloud, or from a folder",
        examples="""\
  glasscloud index
  glasscloud index --corpus ~/notes --shards 2 --out ./index
""",
        add_arguments=_add_index_arguments,
        run=_index,
    ),
}
