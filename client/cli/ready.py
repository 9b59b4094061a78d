"""`glasscloud ready`: download, build and test everything, so that a session needs no network."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

NAME = "ready"
HELP = (
    "check this computer, build the search index, build the image if there is a Docker engine, and run the tour "
    "with each driver"
)
EXAMPLES = """\
  glasscloud ready
  glasscloud ready --seconds 5
  glasscloud ready --json > ready.json
"""
_ROOT = Path(__file__).parents[2]
_LEAVE_DEADLINE_S = 45.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--seconds",
        type=float,
        default=5.0,
        metavar="N",
        help="length of the tour's first phase and of the CPU hog (default 5)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON; progress goes to standard error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyResult:
    """The result: `tried` are the drivers whose tour passed, `lacks` is why it is not ready."""

    ready: bool
    tried: tuple[str, ...] = ()
    lacks: str = ""


def run(args: argparse.Namespace) -> int:
    """Prepare and test; return 0 if everything passed."""
    done = _prepare(args.seconds, sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(asdict(done), indent=2))
    elif done.ready:
        print("Ready. You can work offline now.")
    else:
        print(f"Not ready: {done.lacks}")
    return 0 if done.ready else 1


def _prepare(seconds: float, out: TextIO) -> ReadyResult:
    """Run the steps until one fails; print progress to `out`."""
    from client.doctor.computer_probe import inspect_computer, this_computer
    from client.doctor.findings import findings_of, healthy, lines_of
    from vmhost.api.drivers import diagnose

    if not _step("building the search index", [sys.executable, "-P", "-m", "server", "index"], out):
        return ReadyResult(ready=False, lacks="building the search index failed; see above")
    before = asyncio.run(diagnose(this_computer()))
    failed = [
        name
        for name, each in before.items()
        if each.build_command and not _step("building the image", list(each.build_command), out)
    ]
    after = asyncio.run(diagnose(this_computer()))
    for name in failed:
        more = "; continuing with the existing one" if after[name].usable else ""
        print(f"building the image failed{more}", file=out)
    findings = findings_of(inspect_computer(after))
    print("\n".join(lines_of(findings)), file=out)
    if not healthy(findings):
        return ReadyResult(ready=False, lacks="there are problems; see the fixes after -> above")
    names = tuple(name for name, each in reversed(after.items()) if each.usable)
    for number, driver in enumerate(names):
        if not _tour(driver, seconds, out):
            lacks = f"the tour with the {driver} driver failed; see above"
            return ReadyResult(ready=False, tried=names[:number], lacks=lacks)
    lacks = "; ".join(each.lacks for each in after.values() if each.lacks)
    return ReadyResult(ready=not lacks, tried=names, lacks=lacks)


def _tour(driver: str, seconds: float, out: TextIO) -> bool:
    """Run the tour; return whether it passed."""
    command = [sys.executable, "-P", "-m", "client", "demo", "--once", "--driver", driver]
    return _step(f"running the tour with the {driver} driver", [*command, "--seconds", f"{seconds:g}"], out)


def _step(title: str, command: list[str], out: TextIO) -> bool:
    """Run the command; return whether it succeeded. Ctrl-C reaches it too: wait until it has cleaned up."""
    print(f"-- {title}", flush=True, file=out)
    with subprocess.Popen(command, cwd=_ROOT, stdout=out) as process:
        try:
            return process.wait() == 0
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVE_DEADLINE_S)
            process.kill()
            raise
