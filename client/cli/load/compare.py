"""`glasscloud load compare A.json B.json`: the differences between two runs, and whether they exceed the noise."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from client.cli.command import Command
from client.load.report.compare import BATCHES_MIN, Comparison, compare, compare_json, compare_lines
from client.load.report.recorded_run import RecordedRun, read_run
from client.load.verdict import Verdict
from client.terminal.plain_text import clean_lines
from vmhost.base.errors import InvalidInput
from vmhost.base.files import indented_json

NAME = "load compare"
HELP = "compare two runs and show which differences exceed the noise"
EXAMPLES = """\
  glasscloud load http://127.0.0.1:8000/ --rate 1000 --json > before.json
  glasscloud load http://127.0.0.1:8000/ --rate 1000 --json > after.json
  glasscloud load compare before.json after.json
  glasscloud load compare before.json after.json --fail-if-worse
"""
TOO_SHORT = "the runs are too short to compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A.json", help="--json report of the first run or repeated run")
    parser.add_argument("b", metavar="B.json", help="--json report of the second one")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    parser.add_argument(
        "--fail-if-worse",
        action="store_true",
        help="exit with 1 if B is worse beyond the noise, with 3 if a run is INVALID or too short to compare",
    )


def run(args: argparse.Namespace) -> int:
    """Compares two runs.

    Returns 0, or with `--fail-if-worse` 1 if B is worse and 3 if that cannot be judged. Raises InvalidInput."""
    comparison = compare(_read(args.a), _read(args.b))
    if args.json:
        print(indented_json(compare_json(comparison)))
    else:
        print(clean_lines("\n".join(compare_lines(comparison))))
    if not args.fail_if_worse:
        return 0
    if comparison.unknown:
        print(f"{TOO_SHORT}; each must last {BATCHES_MIN} s or longer", file=sys.stderr)
    return _exit_code(comparison)


def _exit_code(comparison: Comparison) -> int:
    if comparison.unknown or Verdict.INVALID in (comparison.a.verdict, comparison.b.verdict):
        return Verdict.INVALID.exit_code
    return 1 if comparison.worse else 0


def _read(path: str) -> RecordedRun:
    try:
        return read_run(path, msgspec.json.decode(Path(path).read_bytes()))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON ({error}); give a file that glasscloud load --json wrote") from error


COMMANDS = {NAME: Command(help=HELP, examples=EXAMPLES, add_arguments=add_arguments, run=run)}
