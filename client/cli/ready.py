"""`glasscloud ready`: everything fetched, built and tried, so that a session needs no network."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

NAME = "ready"
HELP = (
    "look at the machine, build the search index, build the image when a Docker engine is there, and take the tour "
    "with each kind of machine"
)
EXAMPLES = """\
  glasscloud ready
  glasscloud ready --seconds 5
"""
_ROOT = Path(__file__).parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="length of the tour's phases (5)")


def run(args: argparse.Namespace) -> int:
    """Prepares and tries; 0 if all went well."""
    from client.doctor.findings import findings_of, healthy, lines_of
    from client.doctor.probes import look

    if not _step("building the search index", [sys.executable, "-P", "-m", "server", "index"]):
        return 1
    engine = any(not each.error for each in asyncio.run(look()).engines)
    command = _build_command() if engine else None
    built = command is None or _step("building the image", command)
    machine = asyncio.run(look())
    has_image = any(each.has_image for each in machine.engines)
    if not built:
        print("the image was not built" + ("; going on with the one that is there" if has_image else ""))
    findings = findings_of(machine)
    print("\n".join(lines_of(findings)))
    if not healthy(findings) or not _tours(["process", "container"] if has_image else ["process"], args.seconds):
        return 1
    if engine and not has_image:
        print("Ready for machines as processes only: the image is missing. Mend it with: docker compose build")
        return 1
    print("Ready. You can switch the network off.")
    return 0


def _tours(drivers: list[str], seconds: float) -> bool:
    """Takes the tour with each kind of machine; whether all went well."""
    for driver in drivers:
        command = [sys.executable, "-P", "-m", "client", "demo", "--once", "--driver", driver]
        if not _step(f"the tour, a machine is a {driver}", [*command, "--seconds", f"{seconds:g}"]):
            print(f"the tour with the {driver} driver did not go well; see above")
            return False
    return True


def _build_command() -> list[str] | None:
    """How the image is built here; None outside of a checkout or without docker's command."""
    if shutil.which("docker") is None or not (_ROOT / "compose.yaml").exists():
        return None
    return ["docker", "compose", "--project-directory", str(_ROOT), "build"]


def _step(title: str, command: list[str]) -> bool:
    print(f"-- {title}", flush=True)
    return subprocess.run(command, check=False, cwd=_ROOT).returncode == 0
