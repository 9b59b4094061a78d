"""`glasscloud status`: show a summary of the cloud."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from client.local.state_dir import LocalFacts
from client.local.target_cloud import console_address, search_url
from client.program_name import program_name
from vmhost.api.views import HostView, Snapshot
from vmhost.base.cpus import format_cpus
from vmhost.base.files import indented_json

NAME = "status"
HELP = "show the cloud's addresses, its hosts and their free capacity, its instances, and which limits are enforced"
EXAMPLES = """\
  glasscloud status
  glasscloud status --json
"""
SHOWN_API_VARIABLE = "GLASSCLOUD_SHOWN_API"
"""Environment variable: the API's address from the outside, if it differs from ours (in a container)."""
_DEADLINE_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the summary of the target cloud."""
    from client.local.target_cloud import find_access, running_clouds, target_cloud

    facts, access = target_cloud(), find_access()
    snapshot, shared = asyncio.run(_status(facts))
    endpoint = os.environ.get(SHOWN_API_VARIABLE) or access.endpoint
    if args.json:
        print(indented_json({**asdict(snapshot), **addresses(endpoint, facts), "shared": shared}))
    else:
        others = [each.cloud for each in running_clouds() if facts is None or each.cloud != facts.cloud]
        print("\n".join(summary(snapshot, endpoint, facts, shared=shared, others=others)))
    return 0


async def _status(facts: LocalFacts | None) -> tuple[Snapshot, str]:
    """Return the cloud, and the address at which it is shared; empty if it is not shared."""
    from client.local.target_cloud import find_access
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        return await cloud.status(), await _shared(console_address(facts))


async def _shared(console: str) -> str:
    from client.console.console_key import ConsoleKey
    from client.console.share.sharing_client import sharing_client
    from vmhost.base.errors import CloudError

    url, _, token = console.partition("/#token=")
    if not url:
        return ""
    try:
        async with asyncio.timeout(_DEADLINE_S), sharing_client(url, ConsoleKey(token=token)) as one:
            share = (await one.share())["share"]
    except (CloudError, TimeoutError):
        return ""
    return str(share["url"]) if share else ""


def addresses(endpoint: str, facts: LocalFacts | None) -> dict[str, str | None]:
    """Return the addresses of console, search and EC2 API; None if not known here."""
    return {"console": console_address(facts) or None, "search": search_url(facts) or None, "endpoint": endpoint}


def host_line(host: HostView) -> str:
    """Return the line for a host: its CPUs, and how much of it is allocated to instances."""
    where = f"{'shared ' if host.shared else ''}CPU {format_cpus(host.cpus)}" if host.cpus else "any CPU"
    limit = "" if host.enforced else f" (not enforced: {host.why})"
    return (
        f"{host.id}   {host.zone}, {where}: {host.cpu_used:.2f} of {host.cpu_cores:.2f} cores and "
        f"{host.memory_used_mib} of {host.memory_mib} MiB allocated to instances{limit}"
    )


def summary(
    snapshot: Snapshot, endpoint: str, facts: LocalFacts | None, *, shared: str = "", others: Sequence[str] = ()
) -> list[str]:
    """Return the summary as text lines; `others` are the other clouds on this computer."""
    from client.view.screen_texts import isolation_lines

    states = Counter(view.state for view in snapshot.instances if view.state != "terminated")
    lines = [f"cloud {snapshot.cloud} in {snapshot.region}, driver {snapshot.driver}"]
    if facts is not None and facts.is_demo:
        lines.append("  a demo; press q in its terminal to end it")
    if console := console_address(facts):
        lines.append(f"  console  {console}")
    if search := search_url(facts):
        lines.append(f"  search   {search}/search?q=hypervisor")
    lines.append(f"  EC2 API  {endpoint}")
    if shared:
        lines.append(f"  shared   {shared}   (stop with: {program_name(snapshot.cloud)} share --stop)")
    lines.append("  instances " + (", ".join(f"{count} {state}" for state, count in states.items()) or "none"))
    lines += [f"  {host_line(host)}" for host in snapshot.hosts]
    lines.append(f"  {guarantee_sentence(others)}")
    return [*lines, *(f"  {text}" for text in isolation_lines(snapshot, facts.why if facts else "", 100))]


def guarantee_sentence(others: Sequence[str]) -> str:
    """Return under which condition the guarantees hold."""
    if others:
        names = ", ".join(others)
        return f"These guarantees do not account for the other clouds on this computer: {names}"
    return "Instances get their guaranteed CPU as long as other programs use little CPU."
