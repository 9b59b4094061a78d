"""The state folder of a local cloud: its path, its lock, and the facts that a running cloud stores in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from client.program_name import CLOUD_VARIABLE, DEFAULT_CLOUD
from vmhost.base.errors import Conflict, InvalidInput
from vmhost.base.files import indented_json, write_atomically

_CLOUD = re.compile("[a-z0-9][a-z0-9-]{0,39}")
DEMO_PREFIX = "glasscloud-demo-"
"""Prefix of the names of demo clouds."""
_FACTS = "local.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFacts:
    """Facts about a running cloud, stored by its supervisor."""

    cloud: str
    driver_option: str
    """The driver option as given: "auto" or the name of a driver."""
    driver: str
    """The driver in use."""
    why: str
    """Why `auto` selected this driver and how to get the other one; empty if the user chose it."""
    supervisor: int
    """Process id."""
    endpoint: str
    """URL of the EC2 API."""
    search: str
    """URL of the search service."""
    access: str
    """Path of the access file."""
    queries: str
    """Path of the corpus's queries, for the load generator."""
    instances: int
    shards: int
    type: str
    since: float
    console: str = ""
    """URL of the console; empty if none is served."""
    console_key: str = ""
    """Path of the file with its token."""
    pids: tuple[int, ...] = ()
    """Process ids of the platform, the front end and the console."""
    notes: tuple[str, ...] = ()
    """Deviations from what was requested, such as another port because the wanted one was in use."""
    installed: str = ""
    """The folder of the installation that started it."""

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs at which its programs listen."""
        return tuple(each for each in (self.endpoint, self.search, self.console) if each)

    @property
    def is_demo(self) -> bool:
        """Whether this is a demo, which ends with its terminal."""
        return self.cloud.startswith(DEMO_PREFIX)


def installation() -> str:
    """Return the folder of this installation: the clone, or the installation's folder."""
    return str(Path(__file__).parents[2])


def cloud_name() -> str:
    """Return the name of the target cloud."""
    return os.environ.get(CLOUD_VARIABLE) or DEFAULT_CLOUD


def state_folder(cloud: str) -> Path:
    """Return the state folder of a cloud started by `up`: below XDG_STATE_HOME, else ~/.local/state.

    Raises InvalidInput for an invalid name."""
    if not _CLOUD.fullmatch(cloud):
        raise InvalidInput(f"{cloud!r} is not a valid cloud name; use up to 40 lower-case letters, digits and dashes")
    return _home() / cloud


def named_clouds() -> tuple[str, ...]:
    """Return the names of the clouds that have a state folder, sorted."""
    with contextlib.suppress(OSError):
        return tuple(sorted(each.name for each in _home().iterdir() if _CLOUD.fullmatch(each.name)))
    return ()


def _home() -> Path:
    named = os.environ.get("XDG_STATE_HOME")
    home = Path(named) if named and Path(named).is_absolute() else Path.home() / ".local" / "state"
    return home / "glasscloud"


def console_key(state: Path) -> Path:
    """Return the path of the file with the token that lets a browser act on the cloud's console."""
    return state / "console.key"


def make_folder(state: Path) -> None:
    """Create the folder, readable for its owner only. Raises InvalidInput if that fails."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidInput(
            f"cannot create the state folder {state} ({error.strerror}); "
            "set XDG_STATE_HOME to a folder that you can write to"
        ) from error


def demo_folder() -> Path:
    """Create a temporary folder for a demo; its name is also the cloud's name."""
    folder = Path(tempfile.gettempdir()) / f"{DEMO_PREFIX}{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    return folder


def abandoned_demos() -> Iterator[Path]:
    """Yield the folders of this user's demos that are no longer held: their supervisors were killed."""
    yield from (folder for folder, held in _demos() if not held)


def running_demos() -> Iterator[LocalFacts]:
    """Yield the facts of this user's running demos."""
    for folder, held in _demos():
        if held and (facts := read_facts(folder)) is not None:
            yield facts


def _demos() -> Iterator[tuple[Path, bool]]:
    """Yield the folders of this user's demos, and whether each is held."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{DEMO_PREFIX}*")):
        with contextlib.suppress(OSError):
            lock = folder / _LOCK
            if folder.stat().st_uid == os.getuid() and lock.exists():
                yield folder, is_held(folder)


@contextlib.contextmanager
def hold(state: Path) -> Iterator[int]:
    """Lock the folder as its only supervisor; yield the lock's file descriptor.

    Children that inherit the descriptor keep the lock, so the folder stays held until the last of them ends.
    Raises Conflict while another supervisor holds it."""
    fd = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"a cloud is already running in {state}") from None
        yield fd
    finally:
        os.close(fd)


def is_held(state: Path) -> bool:
    """Return whether a supervisor, or a child that outlives it for a moment, holds the folder."""
    try:
        fd = os.open(state / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def write_facts(state: Path, facts: LocalFacts) -> None:
    """Store the facts of a running cloud."""
    write_atomically(state / _FACTS, f"{indented_json(facts)}\n")


def read_facts(state: Path) -> LocalFacts | None:
    """Return the stored facts, valid while the folder is held; None if there are none."""
    try:
        data = msgspec.json.decode((state / _FACTS).read_bytes(), type=dict[str, Any])
        # Version 0.1 wrote the driver option as "asked".
        return msgspec.convert({"driver_option": data.get("asked"), **data}, LocalFacts)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def forget(state: Path, *, temporary: bool) -> None:
    """Remove the facts of a cloud that is no longer up, or with `temporary` the whole folder."""
    if temporary:
        shutil.rmtree(state, ignore_errors=True)
    else:
        (state / _FACTS).unlink(missing_ok=True)


def port_in_use(port: int) -> bool:
    """Return whether a program listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
