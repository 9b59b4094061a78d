"""`glasscloud doctor`: check what this computer lacks."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

NAME = "doctor"
HELP = "check this computer for what glasscloud needs, and print the commands that fix problems; changes nothing"
EXAMPLES = """\
  glasscloud doctor
  glasscloud doctor --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the findings; return 0 if the demo works here, else 1."""
    from client.doctor.computer_probe import inspect_computer, this_computer
    from client.doctor.findings import findings_of, healthy, lines_of
    from vmhost.api.drivers import diagnose

    findings = findings_of(inspect_computer(asyncio.run(diagnose(this_computer()))))
    if args.json:
        print(json.dumps({"healthy": healthy(findings), "findings": [asdict(each) for each in findings]}, indent=2))
    else:
        print("\n".join(lines_of(findings)))
    return 0 if healthy(findings) else 1
