"""The service's programs: `python -m server frontend | leaf | index`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from vmhost.base.argument_parser import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the programs and return its exit code; 130 for Ctrl-C.

    Each imports only what it needs, so that a leaf starts quickly."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _main(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog="python -m server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="frontend | leaf | index")
    name = words[0] if words else ""
    front = commands.add_parser("frontend", help="the service's single address, in front of all shards and replicas")
    leaf = commands.add_parser(
        "leaf", help="the search of one shard; runs inside an instance, whose user data names the shard"
    )
    index = commands.add_parser("index", help="build the index that leaves open")
    if name == "frontend":
        from server.frontend import main as frontend_main

        frontend_main.add_arguments(front)
        _show_examples(front, frontend_main.EXAMPLES)
    elif name == "leaf":
        from server.leaf import main as leaf_main

        leaf_main.add_arguments(leaf)
        _show_examples(leaf, leaf_main.EXAMPLES)
    elif name == "index":
        from server.corpus import build_index

        build_index.add_arguments(index)
        _show_examples(index, build_index.EXAMPLES)
    args = parser.parse_args(words)
    if args.command == "index":
        return build_index.run(args)
    from vmhost.base import logs, web

    logs.configure(json=bool(getattr(args, "log_json", False)), level=getattr(args, "log_level", "warning"))
    program = frontend_main.run if args.command == "frontend" else leaf_main.run
    return web.run(lambda: program(args))


def _show_examples(parser: argparse.ArgumentParser, examples: str) -> None:
    parser.epilog = f"examples:\n{examples}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


if __name__ == "__main__":
    sys.exit(main())
