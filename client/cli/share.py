"""`glasscloud share`: a search page and a read-only view for the phones of an audience."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from client.called import called

if TYPE_CHECKING:
    from client.console.share.order import Console

NAME = "share"
HELP = (
    "let the phones of an audience search and look, over the network that you choose: "
    "asks first, and nothing else of the cloud can be reached there"
)
EXAMPLES = """\
  glasscloud share
  glasscloud share --address 192.168.1.7 --yes
  glasscloud share --stop
"""
PORT = 8081
_WAIT_S = 20.0
_WAIT_S_MAX = 3600.0
_POLL_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--address", metavar="ADDR", help="serve on this address of this machine (else it asks)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"on this port or the next free ({PORT})")
    parser.add_argument("--name", default="", metavar="HOST", help="a name by which phones reach that address")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--wait", type=float, default=_WAIT_S, metavar="S", help="look so long who comes (20)")
    parser.add_argument("--stop", action="store_true", help="end it")
    parser.add_argument("--json", action="store_true", help="how it stands, as JSON; asks nothing: needs --yes")


def run(args: argparse.Namespace) -> int:
    """Begins or ends sharing, and tells how it stands."""
    from vmhost.base.errors import InvalidInput

    # Written so that no number, which compares with nothing, is refused too.
    if not 0 <= args.wait <= _WAIT_S_MAX:
        raise InvalidInput(f"--wait is {args.wait:g}; expected 0 to {_WAIT_S_MAX:g} seconds")
    must_be_answered(yes=args.yes or args.stop, as_json=args.json)
    return asyncio.run(_run(args))


def share_now(*, yes: bool) -> int:
    """What `up --share` does once the cloud is up."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(["--yes"] if yes else []))


def must_be_answered(*, yes: bool, as_json: bool = False) -> None:
    """Raises InvalidInput where there is a question and nobody to answer it."""
    from vmhost.base.errors import InvalidInput

    if not yes and (as_json or not sys.stdin.isatty()):
        raise InvalidInput("sharing is asked for first, and nobody can answer here; expected a terminal, or --yes")


async def _run(args: argparse.Namespace) -> int:
    from client.console.share.order import console_at

    url, key = meant_console()
    async with console_at(url, key) as console:
        told = await console.share()
        if args.stop:
            await console.share("DELETE")
            _print(args, None, ["the audience's page is closed" if told["share"] else "nothing was shared"])
            return 0
        if told["share"] is not None:
            must_be_meant(args, told["share"]["url"])
        else:
            order = choose(args, told["offered"], told["why"])
            if order is None:
                print("nothing is shared")
                return 1
            told = await console.share("POST", order)
        if args.json:
            print(json.dumps(told["share"], indent=2))
            return 0
        print("\n".join(address_lines(told["share"]["url"], colours=sys.stdout.isatty())), flush=True)
        if args.wait > 0:
            print("\n".join(await _outcome(console, args.wait)))
    return 0


def meant_console() -> tuple[str, Any]:
    """The URL and the key of the console of the cloud that is meant. Raises NotFound where there is none."""
    from client.console.keys import Key
    from client.local.meant import console_address, local_cloud, not_up
    from vmhost.base.errors import NotFound

    facts = local_cloud()
    url, _, token = console_address(facts).partition("/#token=")
    if not url:
        raise NotFound(not_up() if facts is None else f"this cloud has no console; start it again with: {called()} up")
    return url, Key(token=token)


def must_be_meant(args: argparse.Namespace, url: str) -> None:
    """Raises Conflict where another address is asked for than that at which it is shared already."""
    from vmhost.base.errors import Conflict

    asked = args.name or args.address or ""
    if asked and urlsplit(url).hostname != asked.lower().rstrip("."):
        raise Conflict(f"it is shared at {url} already; to share at {asked}, end that first: {called()} share --stop")


def choose(args: argparse.Namespace, offered: list[dict[str, Any]], why: str = "") -> dict[str, Any] | None:
    """What to order of the console; None where the person says no.

    `why` says why nothing can be offered. Raises InvalidInput where there is no choice."""
    from vmhost.base.errors import InvalidInput

    if why:
        raise InvalidInput(why)
    if args.address:
        found = [each for each in offered if each["address"] == args.address]
        one = found[0] if found else {"address": args.address, "label": "this machine", "public": False}
    elif not offered:
        raise InvalidInput("this machine is on no network; join one, or open a hotspot on it, and try again")
    elif args.yes and offered[0]["public"]:
        raise InvalidInput(
            f"{offered[0]['address']} is a public address: more than this room may reach it; "
            f"expected --address {offered[0]['address']} if that is meant"
        )
    else:
        one = offered[0] if args.yes or len(offered) == 1 else _chosen(offered)
    order = {"address": one["address"], "port": args.port, "name": args.name}
    if args.yes:
        return order
    print(question(one, args.name or one["address"], args.port), end=" ", flush=True)
    return order if sys.stdin.readline().strip().lower() in ("y", "yes") else None


def _chosen(offered: list[dict[str, Any]]) -> dict[str, Any]:
    print("This machine is on:")
    for number, each in enumerate(offered, start=1):
        print(f"  {number}  {each['label']:<16} {each['address']}")
    while True:
        print("On which one? [1]", end=" ", flush=True)
        line = sys.stdin.readline()
        answer = line.strip() or "1"
        if not line or (answer.isdecimal() and 1 <= int(answer) <= len(offered)):
            return offered[int(answer) - 1]


def question(one: dict[str, Any], host: str, port: int) -> str:
    """What is asked before anything is shared."""
    warning = "This address is public: more than this room may reach it.\n" if one["public"] else ""
    return (
        f"{warning}Serve the search page and a read-only view to everyone on {one['label']} "
        f"at http://{host}:{port} ? [y/N]"
    )


def address_lines(url: str, *, colours: bool) -> list[str]:
    """The address as people and cameras read it."""
    from client.console.share.qr import blocks

    return ["", *blocks(f"{url}/", colours=colours), "", f"  {url}", ""]


async def _outcome(console: Console, wait_s: float) -> list[str]:
    """Looks for a while whether anybody comes, and says so."""
    began = time.monotonic()
    share: dict[str, Any] | None = None
    while True:
        share = (await console.share())["share"]
        if share is None or share["reached"] or time.monotonic() - began >= wait_s:
            return outcome_lines(share, wait_s, called())
        await asyncio.sleep(_POLL_S)


def outcome_lines(share: dict[str, Any] | None, wait_s: float, program: str) -> list[str]:
    """Whether anybody has come, and what to do where nobody has."""
    if share is None:
        return ["somebody has ended it meanwhile"]
    until = f"It stays until: {program} share --stop   (or: {program} down)"
    if share["reached"]:
        from client.console.share.sharing import phones

        return [f"{phones(share['reached'])} reached it.", until]
    port = share["url"].rpartition(":")[2]
    return [
        f"Nobody has reached it within {wait_s:.0f} s. If a phone cannot open it:",
        "  It must be on the same network as this computer, not on mobile data.",
        "  Guest and office Wi-Fi often keeps devices from reaching each other: open a hotspot on your phone",
        f"  or laptop, join it with this computer, then: {program} share --stop && {program} share",
        f"  A firewall on this computer may hold it back: let port {port} in.",
        until,
    ]


def _print(args: argparse.Namespace, share: dict[str, Any] | None, lines: list[str]) -> None:
    print(json.dumps(share) if args.json else "\n".join(lines))
