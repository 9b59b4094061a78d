"""`glasscloud index`: build the search index."""

from __future__ import annotations

import argparse

from client.cli.exec_program import exec_program

NAME = "index"
HELP = "build the search index from the documents that come with glasscloud, or from a folder"
EXAMPLES = """\
  glasscloud index
  glasscloud index --corpus ~/notes --shards 2 --out ./index
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--corpus", metavar="DIR", help="folder of text, Markdown or HTML files (default: glasscloud's own documents)"
    )
    parser.add_argument("--shards", metavar="S", help="number of shards")
    parser.add_argument("--out", metavar="DIR", help="output folder")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Replace this process by the index builder."""
    named = {"corpus": args.corpus, "shards": args.shards, "out": args.out}
    options = [part for name, value in named.items() if value is not None for part in (f"--{name}", value)]
    return exec_program("server", ["index", *options, *(["--json"] if args.json else [])])
