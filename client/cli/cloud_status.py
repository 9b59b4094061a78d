"""`glasscloud status`, `ps` and `env`: what a cloud is, what runs on it, and how to reach it."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace

from client.cli.command import SHOWN_API_VARIABLE, Command
from client.local.state_dir import LocalFacts
from client.local.target_cloud import console_address, find_access, running_clouds, search_url, target_cloud
from client.program_name import DEFAULT_CLOUD, program_name
from vmhost.api.views import HostView, InstanceView, Snapshot
from vmhost.base.files import indented_json
from vmhost.base.units import format_cpus

_DEADLINE_S = 10.0
_CORES = "CORES: guaranteed to maximum (the type's vCPUs, or the host's cores if those are fewer)"


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _endpoint() -> str:
    return os.environ.get(SHOWN_API_VARIABLE) or find_access().endpoint


async def _snapshot() -> Snapshot:
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        return await cloud.status()


def _status(args: argparse.Namespace) -> int:
    facts, endpoint = target_cloud(), _endpoint()
    snapshot, shared = asyncio.run(_snapshot()), asyncio.run(_shared(console_address(facts)))
    if args.json:
        print(indented_json({**asdict(snapshot), **addresses(endpoint, facts), "shared": shared}))
    else:
        others = [each.cloud for each in running_clouds() if facts is None or each.cloud != facts.cloud]
        print("\n".join(summary(snapshot, endpoint, facts, shared=shared, others=others)))
    return 0


async def _shared(console: str) -> str:
    """Return the address at which the cloud is shared; empty if it is not shared."""
    from client.console.request_guard import ConsoleKey
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
    lines += [f"  Note: {note}" for note in snapshot.notes]
    limited = any(each.enforced for each in snapshot.capabilities if each.name == "cpu")
    if limited and others:
        lines.append(f"  Guarantees do not account for the other clouds on this computer: {', '.join(others)}")
    elif limited:
        lines.append("  Instances get their guaranteed CPU as long as other programs use little CPU.")
    return [*lines, *(f"  {text}" for text in isolation_lines(snapshot, facts.why if facts else "", 100))]


def _add_ps_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", "-a", action="store_true", help="include terminated instances")
    _add_json(parser)


def _ps(args: argparse.Namespace) -> int:
    snapshot = asyncio.run(_snapshot())
    views = [view for view in snapshot.instances if args.all or view.state != "terminated"]
    if args.json:
        print(indented_json(views))
        return 0
    limited = any(each.enforced for each in snapshot.capabilities if each.name == "cpu")
    print("\n".join(table(views, time.time(), cpu_limited=limited, cloud=snapshot.cloud)))
    return 0


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


def _env(args: argparse.Namespace) -> int:
    variables = replace(find_access(), endpoint=_endpoint()).environment()
    if args.json:
        print(indented_json(variables))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


COMMANDS = {
    "status": Command(
        help="show the cloud's addresses, its hosts and their free capacity, its instances, and which limits are "
        "enforced",
        examples="""\
  glasscloud status
  glasscloud status --cloud mine
  glasscloud status --json
""",
        add_arguments=_add_json,
        run=_status,
        for_a_cloud=True,
    ),
    "ps": Command(
        help="list the cloud's instances",
        examples="""\
  glasscloud ps
  glasscloud ps --all  # includes terminated instances
  glasscloud ps --json
""",
        add_arguments=_add_ps_arguments,
        run=_ps,
        for_a_cloud=True,
    ),
    "env": Command(
        help="print shell exports that point the AWS CLI and SDKs to this cloud",
        examples="""\
  eval "$(glasscloud env)"
  aws ec2 describe-instances
  docker compose exec -T client glasscloud env  # for the cloud of compose
""",
        add_arguments=_add_json,
        run=_env,
        for_a_cloud=True,
    ),
}
