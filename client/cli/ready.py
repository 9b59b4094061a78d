"""`glasscloud ready`: everything fetched, built and tried, so that a session needs no network."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

NAME = "ready"
HELP = (
    "check this computer, build the search index, build the image if a Docker engine is there, and take the tour "
    "with each kind of instance"
)
EXAMPLES = """\
  glasscloud ready
  glasscloud ready --seconds 5
  glasscloud ready --json > ready.json
"""
_ROOT = Path(__file__).parents[2]
_LEAVE_DEADLINE_S = 45.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="length of the tour's phases (5)")
    parser.add_argument("--json", action="store_true", help="the result as JSON; progress goes to standard error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far it came: `tried` are the kinds of instances whose tour went well, `lacks` is why it is not ready."""

    ready: bool
    tried: tuple[str, ...] = ()
    lacks: str = ""


def run(args: argparse.Namespace) -> int:
    """Prepares and tries; 0 if all went well."""
    done = _prepare(args.seconds, sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(asdict(done), indent=2))
    elif done.ready:
        print("Ready. You can switch the network off.")
    else:
        print(f"Not ready: {done.lacks}")
    return 0 if done.ready else 1


def _prepare(seconds: float, out: TextIO) -> Done:
    """Goes step by step as far as it can; progress goes to `out`."""
    from client.doctor.findings import findings_of, healthy, lines_of
    from client.doctor.probes import look

    if not _step("building the search index", [sys.executable, "-P", "-m", "server", "index"], out):
        return Done(ready=False, lacks="the search index could not be built; see above")
    engine = any(not each.error for each in asyncio.run(look()).engines)
    command = _build_command() if engine else None
    built = command is None or _step("building the image", command, out)
    machine = asyncio.run(look())
    has_image = any(each.has_image for each in machine.engines)
    if not built:
        print("the image was not built" + ("; going on with the existing one" if has_image else ""), file=out)
    findings = findings_of(machine)
    print("\n".join(lines_of(findings)), file=out)
    if not healthy(findings):
        return Done(ready=False, lacks="there are problems; -> above marks the fixes")
    drivers = ("process", "container") if has_image else ("process",)
    for number, driver in enumerate(drivers):
        if not _tour(driver, seconds, out):
            lacks = f"the tour with the {driver} driver failed; see above"
            return Done(ready=False, tried=drivers[:number], lacks=lacks)
    if engine and not has_image:
        lacks = "the image for containers is missing; build it with: docker compose build"
        return Done(ready=False, tried=drivers, lacks=lacks)
    return Done(ready=True, tried=drivers)


def _tour(driver: str, seconds: float, out: TextIO) -> bool:
    """Takes the tour; whether all went well."""
    command = [sys.executable, "-P", "-m", "client", "demo", "--once", "--driver", driver]
    return _step(f"the tour with each instance a {driver}", [*command, "--seconds", f"{seconds:g}"], out)


def _build_command() -> list[str] | None:
    """How the image is built here; None outside of a checkout or without docker's command."""
    if shutil.which("docker") is None or not (_ROOT / "compose.yaml").exists():
        return None
    return ["docker", "compose", "--project-directory", str(_ROOT), "build"]


def _step(title: str, command: list[str], out: TextIO) -> bool:
    """Runs the command; whether it succeeded. After Ctrl-C, which it receives too, it may finish its own cleaning."""
    print(f"-- {title}", flush=True, file=out)
    with subprocess.Popen(command, cwd=_ROOT, stdout=out) as process:
        try:
            return process.wait() == 0
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LEAVE_DEADLINE_S)
            process.kill()
            raise
