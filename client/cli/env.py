"""`glasscloud env`: print variables that point the AWS CLI and SDKs to this cloud."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from dataclasses import replace

NAME = "env"
HELP = "print shell exports that point the AWS CLI and SDKs to this cloud"
EXAMPLES = """\
  eval "$(glasscloud env)"
  aws ec2 describe-instances
  docker compose exec -T client glasscloud env  # for the cloud of compose
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the variables."""
    from client.cli.status import SHOWN_API_VARIABLE
    from client.local.target_cloud import find_access

    access = find_access()
    variables = replace(access, endpoint=os.environ.get(SHOWN_API_VARIABLE) or access.endpoint).environment()
    if args.json:
        print(json.dumps(variables, indent=2))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0
