"""`glasscloud resize`: another instance type for an instance, with the price before and after."""

from __future__ import annotations

import argparse
import asyncio

from client.cli.command import Command
from client.local.target_cloud import find_access
from vmhost.api.views import InstanceView, TypeView
from vmhost.base.errors import NotFound

_DEADLINE_S = 30.0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("instance", metavar="ID", help="the instance; the start of its id is enough")
    parser.add_argument("type", metavar="TYPE", help="its new type, such as t3.small")


def _run(args: argparse.Namespace) -> int:
    print("\n".join(asyncio.run(_resize(args.instance, args.type))))
    return 0


async def _resize(named: str, type_name: str) -> list[str]:
    from vmhost.api.client import CloudClient

    async with CloudClient(find_access(), timeout_s=_DEADLINE_S) as cloud:
        instance = find_instance((await cloud.status()).instances, named)
        types = {each.name: each for each in (await cloud.types()).types}
        if instance.state == "running":
            await cloud.resize_instance(instance.id, type_name)
        else:
            await cloud.change_type(instance.id, type_name)
    return comparison(instance, types[instance.type], types[type_name])


def find_instance(instances: tuple[InstanceView, ...], named: str) -> InstanceView:
    """Return the instance whose id starts like this, with or without "i-". Raises NotFound, naming the others."""
    start = named if named.startswith("i-") else f"i-{named}"
    there = [each for each in instances if each.state != "terminated"]
    found = [each for each in there if each.id.startswith(start)]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(each.id for each in (found or there)) or "none"
    raise NotFound(f"{len(found) or 'no'} instances have ids that start with {start[:40]}; there are {ids}")


def comparison(instance: InstanceView, before: TypeView, after: TypeView) -> list[str]:
    """Return the lines that compare the instance's former type with its new one."""
    from client.terminal.plain_text import columns_of

    what = "is now" if instance.state == "running" else "starts next as"
    rows = [
        ("", before.name, after.name),
        ("memory", f"{before.memory_mib} MiB", f"{after.memory_mib} MiB"),
        ("cores", _cores(before), _cores(after)),
        ("price", _price(before), _price(after)),
    ]
    return [f"{instance.id} {what} a {after.name}", *(f"  {line}" for line in columns_of(rows))]


def _cores(itype: TypeView) -> str:
    return f"{itype.limits.cpu_guaranteed_cores:.2f}-{itype.limits.cpu_quota_cores:.2f}"


def _price(itype: TypeView) -> str:
    return f"${itype.price_usd_hour:.4f} per hour"


COMMANDS = {
    "resize": Command(
        help="change the type of an instance: of a running one while it runs, of a stopped one for its next start. Its "
        "memory becomes smaller only if the instance uses less than that",
        examples="""\
  glasscloud resize i-0a12 t3.small
""",
        add_arguments=_add_arguments,
        run=_run,
        for_a_cloud=True,
    ),
}
