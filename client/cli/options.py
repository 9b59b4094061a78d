"""Options that several commands share, and the plan they describe."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from client.called import called
from client.local.meant import clouds_up
from client.local.places import is_taken
from client.local.plan import (
    API_PORT,
    CONSOLE_PORT,
    DRIVERS,
    SEARCH_PORT,
    LocalPlan,
    check_port,
    checked,
    port_of,
    replicas_of,
)
from client.terminal.text import wrap
from vmhost.base.errors import InvalidInput

INTERRUPTED = 130
"""Exit code after Ctrl-C before a command has done what it was for."""


def add_cloud_options(parser: argparse.ArgumentParser) -> None:
    """The options of a local cloud."""
    add = parser.add_argument
    add(
        "--driver",
        choices=DRIVERS,
        default="auto",
        help="what an instance is (auto: containers if a Docker engine has the image, else processes)",
    )
    add("--instances", type=int, metavar="N", help="instances of the search service (2 for each shard)")
    add("--shards", type=int, default=2, metavar="S", help="parts of the search index (2)")
    add("--type", default="t3.nano", metavar="TYPE", help="instance type (t3.nano)")
    add("--corpus", metavar="DIR", help="search this folder of text, Markdown or HTML instead")
    add("--overcommit", type=float, default=1.0, metavar="N", help="reserve N times what this computer has (1)")
    for name, (option, usual, what) in _PORTS.items():
        add(option, type=int, metavar="N", dest=f"{name}_port", help=f"port of the {what} ({usual}, or the next free)")


_PORTS = {
    "search": ("--port", SEARCH_PORT, "search page"),
    "console": ("--console-port", CONSOLE_PORT, "console"),
    "api": ("--api-port", API_PORT, "EC2 API"),
}


def chosen_ports(args: argparse.Namespace) -> dict[str, int]:
    """The ports that the user chose, by the program's name."""
    return {name: port for name in _PORTS if (port := getattr(args, f"{name}_port")) is not None}


def must_be_free(args: argparse.Namespace) -> None:
    """Raises InvalidInput where a port that the user chose is out of range or in use."""
    for name, port in chosen_ports(args).items():
        check_port(port)
        if port and is_taken(port):
            option = _PORTS[name][0]
            raise InvalidInput(
                f"port {port} is in use{by_cloud(port)}; choose another with {option}, "
                f"or leave {option} out to take the next free one"
            )


def by_cloud(port: int) -> str:
    """Which of our clouds uses the port: " (by the cloud mine)"; empty where none does."""
    found = next((each for each in clouds_up() if port in map(port_of, each.urls)), None)
    return "" if found is None else f" (by the cloud {found.cloud})"


def plan_of(
    args: argparse.Namespace, command: str, *, state: Path, cloud: str, temporary: bool = False, console: bool = True
) -> LocalPlan:
    """The plan that the command's options describe, with or without a console of its own. Raises InvalidInput."""
    ports = chosen_ports(args)
    return checked(
        LocalPlan(
            state=str(state),
            typed=f"{called() if temporary else called(cloud)} {command}",
            cloud=cloud,
            driver=args.driver,
            shards=args.shards,
            replicas=replicas_of(2 * args.shards if args.instances is None else args.instances, args.shards),
            type=args.type,
            corpus=None if args.corpus is None else str(Path(args.corpus).resolve()),
            overcommit=args.overcommit,
            api_port=ports.get("api", API_PORT),
            search_port=ports.get("search", SEARCH_PORT),
            console_port=ports.get("console", CONSOLE_PORT) if console else None,
            fixed_ports=tuple(name for name, port in ports.items() if port),
            temporary=temporary,
        )
    )


def say(text: str) -> None:
    """Progress, beside what programs read; on a terminal no word is broken at its edge."""
    lines = text.splitlines()
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in wrap(line, columns, indent="    ")]
    print("\n".join(lines), file=sys.stderr, flush=True)
