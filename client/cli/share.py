"""`glasscloud share`: serve a search page and a view-only page for an audience's phones."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from client.cli.command import Command
from client.local.state_dir import DEMO_PREFIX
from client.local.target_cloud import console_address, not_running, target_cloud
from client.program_name import DEFAULT_CLOUD, program_name
from vmhost.base.errors import Conflict, InvalidInput, NotFound
from vmhost.base.files import indented_json

if TYPE_CHECKING:
    from client.console.share.sharing_client import SharingClient

PORT = 8081
_WAIT_S = 20.0
_WAIT_S_MAX = 3600.0
_POLL_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--address", metavar="ADDR", help="address of this computer to serve on (without it, you are asked)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help=f"port to serve on, or the next free one (default {PORT})"
    )
    parser.add_argument("--name", default="", metavar="HOST", help="host name by which phones reach that address")
    parser.add_argument("--yes", action="store_true", help="do not ask for consent")
    parser.add_argument(
        "--wait", type=float, default=_WAIT_S, metavar="S", help="wait up to S seconds for the first phone (default 20)"
    )
    parser.add_argument("--stop", action="store_true", help="stop sharing")
    parser.add_argument("--json", action="store_true", help="print the state as JSON; needs --yes")


def run(args: argparse.Namespace) -> int:
    """Start or stop sharing, and print the state."""
    # Written so that NaN is refused too.
    if not 0 <= args.wait <= _WAIT_S_MAX:
        raise InvalidInput(f"--wait must be from 0 to {_WAIT_S_MAX:g} seconds")
    check_consent(yes=args.yes or args.stop, as_json=args.json)
    return asyncio.run(_run(args))


def share_now(*, yes: bool) -> int:
    """Share the cloud, for `up --share`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(["--yes"] if yes else []))


def check_consent(*, yes: bool, as_json: bool = False) -> None:
    """Raise InvalidInput if consent is needed and there is no terminal to ask on."""
    if not yes and (as_json or not sys.stdin.isatty()):
        raise InvalidInput("sharing needs your consent: run it in a terminal, or add --yes")


async def _run(args: argparse.Namespace) -> int:
    from client.console.share.sharing_client import sharing_client

    url, key, cloud = target_console()
    program = program_name(cloud)
    async with sharing_client(url, key) as console:
        state = await console.share()
        if args.stop:
            await console.share("DELETE")
            if args.json:
                print(indented_json(None))
            else:
                print("sharing has stopped" if state["share"] else "sharing was not on")
            return 0
        if state["share"] is not None:
            wanted, url = args.name or args.address or "", state["share"]["url"]
            if wanted and urlsplit(url).hostname != wanted.lower().rstrip("."):
                raise Conflict(
                    f"already shared at {url}; to share at {wanted}, stop that first: {program} share --stop"
                )
        else:
            order = choose(args, state["offered"], state["why"])
            if order is None:
                print("not shared")
                return 1
            state = await console.share("POST", order)
        if args.json:
            print(indented_json(state["share"]))
            return 0
        print("\n".join(address_lines(state["share"]["url"], colours=sys.stdout.isatty())), flush=True)
        if args.wait > 0:
            print("\n".join(await _outcome(console, args.wait, program, demo=cloud.startswith(DEMO_PREFIX))))
    return 0


def target_console() -> tuple[str, Any, str]:
    """Return the URL and the key of the target cloud's console, and the cloud's name. Raises NotFound."""
    from client.console.request_guard import ConsoleKey

    facts = target_cloud()
    url, _, token = console_address(facts).partition("/#token=")
    if not url:
        raise NotFound(not_running() if facts is None else f"the cloud {facts.cloud} has no console; restart it")
    return url, ConsoleKey(token=token), DEFAULT_CLOUD if facts is None else facts.cloud


def choose(args: argparse.Namespace, offered: list[dict[str, Any]], why: str = "") -> dict[str, Any] | None:
    """Return the request for the console; None if the user says no.

    `why` is the reason why no address can be offered. Raises InvalidInput if there is no address to choose."""
    if why:
        raise InvalidInput(why)
    if args.address:
        found = [each for each in offered if each["address"] == args.address]
        one = found[0] if found else {"address": args.address, "label": "this computer", "public": False}
    elif not offered:
        raise InvalidInput("this computer is not on a network; join one, or open a hotspot on it, and try again")
    elif args.yes and offered[0]["public"]:
        raise InvalidInput(
            f"{offered[0]['address']} is a public address that can be reached from outside this room; "
            f"to share there anyway, add --address {offered[0]['address']}"
        )
    else:
        one = offered[0] if args.yes or len(offered) == 1 else _chosen(offered)
    order = {"address": one["address"], "port": args.port, "name": args.name}
    if args.yes:
        return order
    print(question(one, args.name or one["address"], args.port), end=" ", flush=True)
    return order if sys.stdin.readline().strip().lower() in ("y", "yes") else None


def _chosen(offered: list[dict[str, Any]]) -> dict[str, Any]:
    print("This computer is on:")
    for number, each in enumerate(offered, start=1):
        print(f"  {number}  {each['label']:<16} {each['address']}")
    while True:
        print("Which network? [1]", end=" ", flush=True)
        line = sys.stdin.readline()
        answer = line.strip() or "1"
        if not line or (answer.isdecimal() and 1 <= int(answer) <= len(offered)):
            return offered[int(answer) - 1]


def question(one: dict[str, Any], host: str, port: int) -> str:
    """Return the question to ask before sharing."""
    warning = "This address is public: it can be reached from outside this room.\n" if one["public"] else ""
    return (
        f"{warning}Serve the search page and a view-only page to everyone on {one['label']} "
        f"at http://{host}:{port}? [y/N]"
    )


def address_lines(url: str, *, colours: bool) -> list[str]:
    """Return the address as text and as a QR code."""
    from client.console.share.addresses import qr_blocks

    return ["", *qr_blocks(f"{url}/", colours=colours), "", f"  {url}", ""]


async def _outcome(console: SharingClient, wait_s: float, program: str, *, demo: bool) -> list[str]:
    """Wait for the first phone; return lines that say whether one came."""
    began = time.monotonic()
    share: dict[str, Any] | None = None
    while True:
        share = (await console.share())["share"]
        if share is None or share["reached"] or time.monotonic() - began >= wait_s:
            return outcome_lines(share, wait_s, program, demo=demo)
        await asyncio.sleep(_POLL_S)


def outcome_lines(share: dict[str, Any] | None, wait_s: float, program: str, *, demo: bool = False) -> list[str]:
    """Return whether a phone has opened the page, and what to do if none has."""
    if share is None:
        return ["sharing was stopped in the meantime"]
    until = f"To stop: {program} share --stop   (or {'end the demo' if demo else f'{program} down'})"
    if share["reached"]:
        from client.console.share.sharing import phones

        return [f"{phones(share['reached'])} opened it.", until]
    port = share["url"].rpartition(":")[2]
    return [
        f"No phone has opened it within {wait_s:.0f} s. If a phone cannot open it:",
        "  It must be on the same network as this computer, not on mobile data.",
        "  Guest and office Wi-Fi often isolates devices from each other: open a hotspot on your phone",
        f"  or laptop, join it with this computer, then: {program} share --stop && {program} share",
        f"  A firewall on this computer may block it: allow incoming connections to port {port}.",
        until,
    ]


COMMANDS = {
    "share": Command(
        help="let an audience search and watch on their phones, over a network that you choose; asks for your consent "
        "first; nothing else of the cloud can be reached there",
        examples="""\
  glasscloud share
  glasscloud share --address 192.168.1.7 --yes
  glasscloud share --stop
""",
        add_arguments=add_arguments,
        run=run,
        for_a_cloud=True,
    ),
}
