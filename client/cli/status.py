"""`glasscloud status`: the cloud in a summary."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence

from client.called import called
from client.local.meant import console_address, search_of
from client.local.places import LocalFacts
from vmhost.api.views import HostView, Snapshot
from vmhost.base.cpus import format_cpus

NAME = "status"
HELP = "show the cloud's addresses, its hosts and their free room, its instances, and which limits are enforced"
EXAMPLES = """\
  glasscloud status
  glasscloud status --json
"""
SHOWN_API_VARIABLE = "GLASSCLOUD_SHOWN_API"
"""Environment variable: the API's address as people reach it, where that is not ours (in a container)."""
_DEADLINE_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the summary of the cloud that is meant."""
    from client.local.meant import clouds_up, find_access, meant_cloud

    facts, access = meant_cloud(), find_access()
    snapshot, shared = asyncio.run(_status(facts))
    endpoint = os.environ.get(SHOWN_API_VARIABLE) or access.endpoint
    if args.json:
        print(json.dumps({**snapshot.to_json(), **places_of(endpoint, facts), "shared": shared}, indent=2))
    else:
        others = [each.cloud for each in clouds_up() if facts is None or each.cloud != facts.cloud]
        print("\n".join(summary(snapshot, endpoint, facts, shared=shared, others=others)))
    return 0


async def _status(facts: LocalFacts | None) -> tuple[Snapshot, str]:
    """The cloud, and the address at which an audience sees it; empty where it is not shared."""
    from client.local.meant import find_access
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        return await cloud.status(), await _shared(console_address(facts))


async def _shared(console: str) -> str:
    from client.console.keys import Key
    from client.console.share.order import console_at
    from vmhost.base.errors import CloudError

    url, _, token = console.partition("/#token=")
    if not url:
        return ""
    try:
        async with asyncio.timeout(_DEADLINE_S), console_at(url, Key(token=token)) as one:
            share = (await one.share())["share"]
    except (CloudError, TimeoutError):
        return ""
    return str(share["url"]) if share else ""


def places_of(endpoint: str, facts: LocalFacts | None) -> dict[str, str | None]:
    """Where console, search and EC2 API are; None for what is not known here."""
    return {"console": console_address(facts) or None, "search": search_of(facts) or None, "endpoint": endpoint}


def host_line(host: HostView) -> str:
    """The host's CPUs and how much of it is guaranteed to instances."""
    where = f"{'shared ' if host.shared else ''}CPU {format_cpus(host.cpus)}" if host.cpus else "any CPU"
    limit = "" if host.enforced else f" (not enforced: {host.why})"
    return (
        f"{host.id}   {host.zone}, {where}: {host.cpu_used:.2f} of {host.cpu_cores:.2f} cores and "
        f"{host.memory_used_mib} of {host.memory_mib} MiB guaranteed to instances{limit}"
    )


def summary(
    snapshot: Snapshot, endpoint: str, facts: LocalFacts | None, *, shared: str = "", others: Sequence[str] = ()
) -> list[str]:
    """The cloud in words; `others` are the clouds that run on this computer beside it."""
    from client.view.words import isolation_lines

    states = Counter(view.state for view in snapshot.instances if view.state != "terminated")
    lines = [f"cloud {snapshot.cloud} in {snapshot.region}, driver {snapshot.driver}"]
    if facts is not None and facts.is_demo:
        lines.append("  a demo; it ends with q in its terminal")
    if console := console_address(facts):
        lines.append(f"  console  {console}")
    if search := search_of(facts):
        lines.append(f"  search   {search}/search?q=hypervisor")
    lines.append(f"  EC2 API  {endpoint}")
    if shared:
        lines.append(f"  shared   {shared}   (end it with: {called(snapshot.cloud)} share --stop)")
    lines.append("  instances " + (", ".join(f"{count} {state}" for state, count in states.items()) or "none"))
    lines += [f"  {host_line(host)}" for host in snapshot.hosts]
    lines.append(f"  {guarantee_sentence(others)}")
    return [*lines, *(f"  {text}" for text in isolation_lines(snapshot, facts.why if facts else "", 100))]


def guarantee_sentence(others: Sequence[str]) -> str:
    """When what is guaranteed is really there."""
    if others:
        names = ", ".join(others)
        return f"These guarantees do not count the other clouds on this computer: {names}"
    return "These guarantees hold if nothing else runs on this computer."
