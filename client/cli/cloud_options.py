"""The options of commands that start a cloud, and the plan that they describe."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from client.local.local_plan import (
    API_PORT,
    CONSOLE_PORT,
    SEARCH_PORT,
    LocalPlan,
    auto_in_words,
    check_port,
    checked,
    driver_names,
    port_of,
    replicas_of,
)
from client.local.state_dir import port_in_use
from client.local.target_cloud import running_clouds
from client.program_name import program_name
from client.terminal.plain_text import wrap
from vmhost.base.errors import InvalidInput


def add_cloud_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a local cloud."""
    add = parser.add_argument
    add(
        "--driver",
        default="auto",
        metavar="NAME",
        help=f"how instances run: {', '.join(driver_names())} (default auto: {auto_in_words()}), or several, such as "
        "process,container: the image selects the driver, the first one named if several can boot it",
    )
    add("--instances", type=int, metavar="N", help="number of instances (default 2 per shard)")
    add("--shards", type=int, default=2, metavar="S", help="number of parts of the search index (default 2)")
    add("--type", default="t3.nano", metavar="TYPE", help="instance type (default t3.nano)")
    add("--corpus", metavar="DIR", help="search this folder of text, Markdown or HTML files")
    add(
        "--overcommit",
        type=float,
        default=1.0,
        metavar="N",
        help="allocate up to N times this computer's CPU and memory (default 1)",
    )
    for name, (option, usual, what) in _PORTS.items():
        add(
            option,
            type=int,
            metavar="N",
            dest=f"{name}_port",
            help=f"port of the {what} (default {usual} or the next free one)",
        )


_PORTS = {
    "search": ("--port", SEARCH_PORT, "search page"),
    "console": ("--console-port", CONSOLE_PORT, "console"),
    "api": ("--api-port", API_PORT, "EC2 API"),
}


def chosen_ports(args: argparse.Namespace) -> dict[str, int]:
    """Return the ports that the user chose, by name: search, console, api."""
    return {name: port for name in _PORTS if (port := getattr(args, f"{name}_port")) is not None}


def check_ports_free(args: argparse.Namespace) -> None:
    """Raise InvalidInput if a port that the user chose is out of range or in use."""
    for name, port in chosen_ports(args).items():
        check_port(port)
        if port and port_in_use(port):
            option = _PORTS[name][0]
            raise InvalidInput(
                f"port {port} is in use{by_cloud(port)}; choose another with {option}, "
                f"or omit {option} to use the next free one"
            )


def by_cloud(port: int) -> str:
    """Return which of our clouds uses the port, such as " (by the cloud mine)"; empty if none does."""
    found = next((each for each in running_clouds() if port in map(port_of, each.urls)), None)
    return "" if found is None else f" (by the cloud {found.cloud})"


def plan_from_args(
    args: argparse.Namespace, command: str, *, state: Path, cloud: str, temporary: bool = False, console: bool = True
) -> LocalPlan:
    """Return the plan that the command's options describe. Raises InvalidInput."""
    ports = chosen_ports(args)
    return checked(
        LocalPlan(
            state=str(state),
            typed=f"{program_name() if temporary else program_name(cloud)} {command}",
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


def print_progress(text: str) -> None:
    """Print progress to standard error, wrapped to the terminal's width."""
    lines = text.splitlines()
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in wrap(line, columns, indent="    ")]
    print("\n".join(lines), file=sys.stderr, flush=True)
