"""`glasscloud doctor` and `ready`: check what this computer lacks, and prepare it for work without a network."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from client.cli.command import Command
from client.doctor import findings_of, healthy, inspect_computer, lines_of, this_computer
from vmhost.api.drivers import diagnose
from vmhost.base.files import indented_json

_ROOT = Path(__file__).parents[2]
_LEAVE_DEADLINE_S = 45.0


def _add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _doctor(args: argparse.Namespace) -> int:
    findings = findings_of(inspect_computer(asyncio.run(diagnose(this_computer()))))
    if args.json:
        print(indented_json({"healthy": healthy(findings), "findings": findings}))
    else:
        print("\n".join(lines_of(findings)))
    return 0 if healthy(findings) else 1


def _add_ready_arguments(parser: argparse.ArgumentParser) -> None:
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
    """The result: `passed` are the drivers whose tour passed, `reason` is why it is not ready."""

    ready: bool
    passed: tuple[str, ...] = ()
    reason: str = ""


def _ready(args: argparse.Namespace) -> int:
    done = _prepare(args.seconds, sys.stderr if args.json else sys.stdout)
    if args.json:
        print(indented_json(done))
    elif done.ready:
        print("Ready. You can work offline now.")
    else:
        print(f"Not ready: {done.reason}")
    return 0 if done.ready else 1


def _prepare(seconds: float, out: TextIO) -> ReadyResult:
    """Run the steps until one fails; print progress to `out`."""
    if not _step("building the search index", [sys.executable, "-P", "-m", "server", "index"], out):
        return ReadyResult(ready=False, reason="building the search index failed; see above")
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
        return ReadyResult(ready=False, reason="there are problems; see the fixes after -> above")
    names = tuple(name for name, each in reversed(after.items()) if each.usable)
    for number, driver in enumerate(names):
        if not _tour(driver, seconds, out):
            reason = f"the tour with the {driver} driver failed; see above"
            return ReadyResult(ready=False, passed=names[:number], reason=reason)
    reason = "; ".join(each.lacks for each in after.values() if each.lacks)
    return ReadyResult(ready=not reason, passed=names, reason=reason)


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


COMMANDS = {
    "doctor": Command(
        help="check this computer for what glasscloud needs, and print the commands that fix problems; changes nothing",
        examples="""\
  glasscloud doctor
  glasscloud doctor --json
""",
        add_arguments=_add_doctor_arguments,
        run=_doctor,
    ),
    "ready": Command(
        help="check this computer, build the search index and what each driver needs, and run the tour with "
        "each driver",
        examples="""\
  glasscloud ready
  glasscloud ready --seconds 5
  glasscloud ready --json > ready.json
""",
        add_arguments=_add_ready_arguments,
        run=_ready,
    ),
}
