"""`glasscloud status`: the cloud in a summary."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence

from client.called import called
from client.local.meant import console_address, own_console
from client.local.places import LocalFacts
from vmhost.api.access import ACCESS_VARIABLE
from vmhost.api.views import HostView, Snapshot
from vmhost.base.cpus import format_cpus

NAME = "status"
HELP = "say what the cloud is: addresses, hosts and their room, machines, which walls hold and why the others do not"
EXAMPLES = """\
  glasscloud status
  glasscloud status --json
"""
_DEADLINE_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the summary; where no cloud is up, where this user's demos are."""
    from client.local.meant import find_access, local_cloud
    from client.local.places import running_demos

    facts = local_cloud()
    if facts is None and not args.json and not os.environ.get(ACCESS_VARIABLE) and (demos := list(running_demos())):
        print("\n".join(demo_lines(demos, called())))
        return 0
    snapshot, endpoint = asyncio.run(_status()), find_access().endpoint
    if args.json:
        told = {**snapshot.to_json(), **places_of(endpoint, facts)}
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(summary(snapshot, endpoint, facts)))
    return 0


async def _status() -> Snapshot:
    from client.local.meant import find_access
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        return await cloud.status()


def places_of(endpoint: str, facts: LocalFacts | None) -> dict[str, str | None]:
    """Where console, search and EC2 API are; None for what is not known here."""
    return {
        "console": console_address(facts) or None,
        "search": None if facts is None else facts.search,
        "endpoint": endpoint,
    }


def demo_lines(demos: Sequence[LocalFacts], program: str) -> list[str]:
    """Where demos are that run while no cloud is up."""
    lines = [f"no cloud is up here (start one with: {program} up), but this runs:"]
    for facts in demos:
        lines.append(f"demo {facts.cloud}, driver {facts.driver}")
        if console := own_console(facts):
            lines.append(f"  console  {console}")
        lines += [f"  search   {facts.search}/search?q=hypervisor", f"  EC2 API  {facts.endpoint}"]
    return lines


def host_line(host: HostView) -> str:
    """The host's CPUs and how much of it is guaranteed to instances."""
    where = f"{'shared ' if host.shared else ''}CPU {format_cpus(host.cpus)}" if host.cpus else "any CPU"
    wall = "" if host.enforced else f" (not enforced: {host.why})"
    return (
        f"{host.id}   {host.zone}, {where}: {host.cpu_used:.2f} of {host.cpu_cores:.2f} cores and "
        f"{host.memory_used_mib} of {host.memory_mib} MiB guaranteed to instances{wall}"
    )


def summary(snapshot: Snapshot, endpoint: str, facts: LocalFacts | None) -> list[str]:
    """The cloud in words."""
    from client.view.words import walls_lines

    states = Counter(view.state for view in snapshot.instances if view.state != "terminated")
    lines = [f"cloud {snapshot.cloud} in {snapshot.region}, driver {snapshot.driver}"]
    if console := console_address(facts):
        lines.append(f"  console  {console}")
    if facts is not None:
        lines.append(f"  search   {facts.search}/search?q=hypervisor")
    lines.append(f"  EC2 API  {endpoint}")
    lines.append("  machines " + (", ".join(f"{count} {state}" for state, count in states.items()) or "none"))
    for host in snapshot.hosts:
        lines.append(f"  {host_line(host)}")
    return [*lines, *(f"  {text}" for text in walls_lines(snapshot, facts.why if facts else "", 100))]
