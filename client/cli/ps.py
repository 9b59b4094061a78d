"""`glasscloud ps`: list the instances."""

from __future__ import annotations

import argparse
import asyncio
import time

from client.program_name import DEFAULT_CLOUD, program_name
from vmhost.api.views import InstanceView, Snapshot
from vmhost.base.files import indented_json

NAME = "ps"
HELP = "list the cloud's instances"
EXAMPLES = """\
  glasscloud ps
  glasscloud ps --all  # includes terminated instances
  glasscloud ps --json
"""
_DEADLINE_S = 10.0
_CORES = "CORES: guaranteed to maximum (the type's vCPUs, or the host's cores if those are fewer)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--all", "-a", action="store_true", help="include terminated instances")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    snapshot = asyncio.run(_status())
    views = [view for view in snapshot.instances if args.all or view.state != "terminated"]
    if args.json:
        print(indented_json(views))
        return 0
    limited = any(each.enforced for each in snapshot.capabilities if each.name == "cpu")
    print("\n".join(table(views, time.time(), cpu_limited=limited, cloud=snapshot.cloud)))
    return 0


async def _status() -> Snapshot:
    from client.local.target_cloud import find_access
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        return await cloud.status()


def table(views: list[InstanceView], now: float, *, cpu_limited: bool, cloud: str = DEFAULT_CLOUD) -> list[str]:
    """Return the lines of the table and the legend for CORES."""
    from client.terminal.plain_text import columns_of

    if not views:
        return ["no instances"]
    rows = [("INSTANCE", "STATE", "TYPE", "HOST", "CORES", "ADDRESS", "NAME", "SINCE", "REASON")]
    for view in sorted(views, key=lambda view: (view.host, view.launched_at, view.id)):
        address = "-" if view.address is None else f"{view.address}:{view.port}" if view.port else view.address
        reason = view.impaired or (view.reason.message if view.reason is not None else "")
        state = f"{view.state}, impaired" if view.impaired else view.state
        rows.append(
            (
                view.id, state, view.type, view.host, _cores(view), address, view.tags.get("Name", "-"),
                since(now - (view.changed_at or view.launched_at)), reason,
            )
        )  # fmt: skip
    return [
        *columns_of(rows),
        _CORES if cpu_limited else f"{_CORES}; {program_name(cloud)} status says why it is not enforced here",
    ]


def _cores(view: InstanceView) -> str:
    limits = view.limits
    return "-" if limits is None else f"{limits.cpu_guaranteed_cores:.2f}-{limits.cpu_quota_cores:.2f}"


def since(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
