"""`python -m server index`: builds the index that leaves open."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from server.api.queries import index_folder
from vmhost.base.errors import CloudError

EXAMPLES = """\
  python -m server index
  python -m server index --corpus ~/notes --shards 3 --out ./index --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="index this folder of text, Markdown and HTML")
    parser.add_argument(
        "--lessons",
        type=Path,
        metavar="DIR",
        default=default_lessons(),
        help="folder of lessons to index (default: ours)",
    )
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="number of parts of the index (default 2)")
    parser.add_argument("--out", type=Path, default=index_folder(), metavar="DIR", help="folder to write the index to")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def default_lessons() -> Path | None:
    """The lessons of this source tree, else those installed beside the index, else None."""
    places = (Path(__file__).parents[2] / "docs" / "lessons", index_folder().parent / "lessons")
    return next((place for place in places if place.is_dir()), None)


def run(args: argparse.Namespace) -> int:
    """Build the index if it is missing or out of date; returns the exit code."""
    from server.corpus.build_index import SHARDS_MAX, Sources, build
    from server.index.index_folder import size_of

    if not 1 <= args.shards <= SHARDS_MAX:
        print(f"error: --shards {args.shards} is out of range (1 to {SHARDS_MAX})", file=sys.stderr)
        return 2
    started = time.perf_counter()
    steps: list[str] = []

    def report(step: str) -> None:
        steps.append(step)
        print(f"search index: {step}", file=sys.stderr if args.json else sys.stdout, flush=True)

    try:
        manifest = build(
            Sources(corpus=args.corpus, lessons=args.lessons), shards=args.shards, out=args.out, report=report
        )
    except CloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if args.json:
        result = {"folder": str(args.out), "built": bool(steps), **msgspec.structs.asdict(manifest)}
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
        return 0
    parts = " and ".join(str(count) for count in manifest.shards)
    how = f"{size_of(args.out) / 1e6:.0f} MB, {time.perf_counter() - started:.1f} s" if steps else "up to date"
    print(f"search index: {manifest.documents:,} documents in {parts} shards ({how})")
    return 0
