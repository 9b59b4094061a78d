"""`glasscloud doctor`: what this computer lacks."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

NAME = "doctor"
HELP = "check what glasscloud needs on this computer, and print the command that fixes what is missing; changes nothing"
EXAMPLES = """\
  glasscloud doctor
  glasscloud doctor --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the findings; 0 if the demo works here, else 1."""
    from client.doctor.findings import findings_of, healthy, lines_of
    from client.doctor.probes import look

    findings = findings_of(asyncio.run(look()))
    if args.json:
        print(json.dumps({"healthy": healthy(findings), "findings": [asdict(each) for each in findings]}, indent=2))
    else:
        print("\n".join(lines_of(findings)))
    return 0 if healthy(findings) else 1
