"""`glasscloud index`: builds the search index."""

from __future__ import annotations

import argparse

from client.cli.programs import become

NAME = "index"
HELP = "build the search index, from the documents that come with glasscloud or from a folder"
EXAMPLES = """\
  glasscloud index
  glasscloud index --corpus ~/notes --shards 2 --out ./index
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--corpus", metavar="DIR", help="a folder of text, Markdown or HTML")
    parser.add_argument("--shards", metavar="S", help="number of parts")
    parser.add_argument("--out", metavar="DIR", help="folder to write to")
    parser.add_argument("--json", action="store_true", help="the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Becomes the index builder."""
    named = {"corpus": args.corpus, "shards": args.shards, "out": args.out}
    options = [part for name, value in named.items() if value is not None for part in (f"--{name}", value)]
    return become("server", ["index", *options, *(["--json"] if args.json else [])])
