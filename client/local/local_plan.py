"""The plan of a local cloud, checked before anything starts, and the commands that run it. Pure."""

from __future__ import annotations

import importlib.resources
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from client.local.state_dir import console_key
from vmhost.api.drivers import AUTO, driver_named, drivers, split_names
from vmhost.base.errors import InvalidInput

API_PORT = 4566
SEARCH_PORT = 8000
CONSOLE_PORT = 8080
INSTANCES_MAX = 64
_PORT_MAX = 65535
_PYTHON = (sys.executable, "-P", "-m")
"""-P keeps the current folder off the path: a user's own `server.py` must not replace our package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlan:
    """A cloud on this computer with a search service of `shards` x `replicas` instances.

    `state` is its folder; with `temporary` the folder is removed with the cloud. If a port is in use, the next free one
    is used instead, unless the program is one of `fixed_ports`."""

    state: str
    typed: str = "glasscloud up"
    """The command as the user typed it, for messages."""
    cloud: str = "glasscloud"
    driver: str = AUTO
    """A driver, or several: "process,container"."""
    shards: int = 2
    replicas: int = 2
    type: str = "t3.nano"
    corpus: str | None = None
    overcommit: float = 1.0
    api_port: int = API_PORT
    search_port: int = SEARCH_PORT
    console_port: int | None = CONSOLE_PORT
    """None if the program that starts the cloud serves the console itself."""
    fixed_ports: tuple[str, ...] = ()
    """Programs ("api", "search", "console") whose port the user chose."""
    temporary: bool = False
    adopt: bool = False
    """Whether to take over instances of this cloud that are missing from its state."""

    @property
    def instances(self) -> int:
        """Number of instances of the search service."""
        return self.shards * self.replicas

    @property
    def folder(self) -> Path:
        """The state folder."""
        return Path(self.state)

    @property
    def access(self) -> Path:
        """The access file that the platform writes."""
        return self.folder / "vmhost" / "access.json"

    @property
    def index(self) -> Path | None:
        """This cloud's own index; None if it uses the index built by set-up."""
        return self.folder / "index" if self.corpus else None


def replicas_of(instances: int, shards: int) -> int:
    """Return the number of replicas per shard. Raises InvalidInput unless instances divide evenly among shards."""
    if shards < 1:
        raise InvalidInput("--shards must be at least 1")
    if not 1 <= instances <= INSTANCES_MAX:
        raise InvalidInput(f"--instances must be from 1 to {INSTANCES_MAX}")
    if instances % shards:
        near = [n for n in (instances - instances % shards, instances + shards - instances % shards) if n]
        raise InvalidInput(
            f"{instances} instances cannot be divided among {shards} shards; "
            f"use --instances {' or '.join(str(n) for n in near)}, or another number of --shards"
        )
    return instances // shards


def checked(plan: LocalPlan) -> LocalPlan:
    """Return the plan after checking it. Raises InvalidInput for the first value that is not valid."""
    first = split_names(plan.driver, driver_names())[0]
    if not plan.overcommit >= 1:
        raise InvalidInput("--overcommit must be at least 1")
    for port in (plan.search_port, plan.console_port or 0, plan.api_port):
        check_port(port)
    if plan.corpus is not None and not Path(plan.corpus).is_dir():
        raise InvalidInput(f"--corpus {plan.corpus} is not a folder")
    if plan.corpus is None:
        return plan
    # Not every kind of instance can read the new index, so `auto` must not choose any other. Every driver can boot the
    # image of the search service; of several drivers the first one does.
    able = next(each.name for each in drivers() if each.reads_local_files)
    if first != AUTO and not driver_named(first).reads_local_files:
        raise InvalidInput(
            f"--corpus needs --driver {able}: {driver_named(first).plural} cannot read a folder of this "
            "computer, they search the index in their image"
        )
    return replace(plan, driver=able if plan.driver == AUTO else plan.driver)


def driver_names() -> tuple[str, ...]:
    """Return the names that --driver takes."""
    return (AUTO, *(each.name for each in drivers()))


def auto_in_words() -> str:
    """Return which driver `auto` chooses: "as containers if a Docker engine has the image, else as plain processes"."""
    return ", else ".join(f"as {each.plural}" + (f" if {each.needs}" if each.needs else "") for each in drivers())


def check_port(port: int) -> None:
    """Raise InvalidInput for an invalid port number; 0 means any free port."""
    if not 0 <= port <= _PORT_MAX:
        raise InvalidInput(f"port {port} is out of range (0 to {_PORT_MAX})")


def _search(plan: LocalPlan, name: str) -> tuple[str, ...]:
    return () if name in plan.fixed_ports else ("--next-free-port",)


def platform_command(plan: LocalPlan, *, ready: Path) -> tuple[str, ...]:
    """Return the command that starts the platform."""
    images = importlib.resources.files("server") / "images.toml"
    return (
        *_PYTHON, "vmhost", "--driver", plan.driver, "--port", str(plan.api_port), *_search(plan, "api"),
        "--state", str(plan.access.parent), "--cloud", plan.cloud, "--images", str(images),
        "--overcommit", f"{plan.overcommit:g}", "--ready", str(ready), *(["--adopt"] if plan.adopt else []),
    )  # fmt: skip


def frontend_command(plan: LocalPlan, *, ready: Path) -> tuple[str, ...]:
    """Return the command that starts the front end, which launches its own instances."""
    return (
        *_PYTHON, "server", "frontend", "--access", str(plan.access), "--port", str(plan.search_port),
        *_search(plan, "search"), "--shards", str(plan.shards), "--replicas", str(plan.replicas),
        "--type", plan.type, "--ready", str(ready), *(("--index", str(plan.index)) if plan.index else ()),
    )  # fmt: skip


def console_command(
    plan: LocalPlan, *, frontend: str, queries: Path, why: str, ready: Path, again: bool = False
) -> tuple[str, ...]:
    """Return the command that starts the console, or restarts it (`again`) after it ended unexpectedly."""
    return (
        *_PYTHON, "client", "console", "--access", str(plan.access), "--frontend", frontend, "--queries", str(queries),
        "--port", str(plan.console_port), *_search(plan, "console"), "--key-file", str(console_key(plan.folder)),
        f"--why={why}",
        "--ready", str(ready), *(["--again"] if again else []),
    )  # fmt: skip


def index_command(plan: LocalPlan) -> tuple[str, ...]:
    """Return the command that builds the plan's own index from its corpus."""
    assert plan.corpus is not None
    return (
        *_PYTHON, "server", "index", "--corpus", plan.corpus, "--shards", str(plan.shards), "--out", str(plan.index),
    )  # fmt: skip


def sweep_command(*, cloud: str, driver: str, state: Path) -> tuple[str, ...]:
    """Return the command that removes everything of a cloud that is not up."""
    return (*_PYTHON, "vmhost", "--sweep", "--cloud", cloud, "--driver", driver, "--state", str(state / "vmhost"))


def port_of(url: str) -> int:
    """Return the port of a URL."""
    return urlsplit(url).port or 80


def other_driver_hint(driver: str, missing: str, typed: str) -> str:
    """Return how to get the driver that `auto` did not choose; `missing` is what the preferred driver misses."""
    preferred, other = drivers()[:2]
    if driver == preferred.name:
        return f"{other.plural.capitalize()} instead: {typed} --driver {other.name}"
    if missing in preferred.fixes:
        return f"For {preferred.plural}: {preferred.fixes[missing]}{typed}"
    return f"{preferred.plural.capitalize()}: {typed} --driver {preferred.name}"


def port_moved_note(wanted: int, url: str) -> str | None:
    """Return a note if the program listens on another port than the wanted one, which was in use; else None."""
    port = port_of(url)
    return None if wanted in (0, port) else f"port {wanted} is in use; using {port}"
