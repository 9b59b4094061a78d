"""Where a local cloud keeps its things, who holds it, and what it says of itself."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from client.called import CLOUD_VARIABLE, DEFAULT_CLOUD
from vmhost.base.errors import Conflict, InvalidInput
from vmhost.base.web import write_atomically

_CLOUD = re.compile("[a-z0-9][a-z0-9-]{0,39}")
DEMO_PREFIX = "glasscloud-demo-"
"""Of the names of demos' clouds."""
_FACTS = "local.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFacts:
    """A cloud that is up, as its supervisor wrote it down."""

    cloud: str
    asked: str
    """The driver that was asked for."""
    driver: str
    """What `auto` came to, else the same."""
    why: str
    """Why it came to that and how to get the other, in words; empty where somebody chose it."""
    supervisor: int
    """Process id."""
    endpoint: str
    """Of the EC2 API."""
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
    """URL of the console; empty where none is served."""
    console_key: str = ""
    """Path of the file with its token."""
    pids: tuple[int, ...] = ()
    """Of the platform, the front end and the console."""
    notes: tuple[str, ...] = ()
    """What differs from the request, such as the next port in place of a taken one."""
    installed: str = ""
    """The folder of the installation that started it."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where its programs listen."""
        return tuple(each for each in (self.endpoint, self.search, self.console) if each)

    @property
    def is_demo(self) -> bool:
        """Whether it is a demo, which ends with its terminal."""
        return self.cloud.startswith(DEMO_PREFIX)

    @classmethod
    def from_json(cls, data: Any) -> LocalFacts:
        """The facts as they were written. Raises KeyError or TypeError for anything else."""
        return cls(**{**data, "pids": tuple(data["pids"]), "notes": tuple(data["notes"])})


def installation() -> str:
    """The folder of this installation: the clone, or where it was installed."""
    return str(Path(__file__).parents[2])


def cloud_name(environ: Mapping[str, str] = os.environ) -> str:
    """The name of the cloud that is meant."""
    return environ.get(CLOUD_VARIABLE) or DEFAULT_CLOUD


def state_folder(cloud: str, *, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of a cloud that stays: below XDG_STATE_HOME, else ~/.local/state.

    Raises InvalidInput for a name that no cloud can have."""
    if not _CLOUD.fullmatch(cloud):
        raise InvalidInput(
            f"{cloud!r} cannot be the name of a cloud: use up to 40 lower-case letters, digits and dashes"
        )
    return _home(environ) / cloud


def named_clouds(*, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names of the clouds that have a state folder, sorted."""
    with contextlib.suppress(OSError):
        return tuple(sorted(each.name for each in _home(environ).iterdir() if _CLOUD.fullmatch(each.name)))
    return ()


def _home(environ: Mapping[str, str]) -> Path:
    named = environ.get("XDG_STATE_HOME")
    home = Path(named) if named and Path(named).is_absolute() else Path.home() / ".local" / "state"
    return home / "glasscloud"


def console_key(state: Path) -> Path:
    """The file with the token that lets a browser act on the cloud's console."""
    return state / "console.key"


def make_folder(state: Path) -> None:
    """Makes the folder, for its owner only. Raises InvalidInput where that cannot be."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidInput(
            f"the state folder {state} cannot be made ({error.strerror}); "
            "set XDG_STATE_HOME to a folder that you may write"
        ) from error


def demo_folder() -> Path:
    """A new folder for a demo, which goes with it. Its name will do as the cloud's."""
    folder = Path(tempfile.gettempdir()) / f"{DEMO_PREFIX}{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    return folder


def abandoned_demos() -> Iterator[Path]:
    """Folders of this user's demos that nobody holds any more: their supervisors were killed."""
    yield from (folder for folder, held in _demos() if not held)


def running_demos() -> Iterator[LocalFacts]:
    """What this user's demos that run now say of themselves."""
    for folder, held in _demos():
        if held and (facts := read_facts(folder)) is not None:
            yield facts


def _demos() -> Iterator[tuple[Path, bool]]:
    """Folders of this user's demos, and whether each is held."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{DEMO_PREFIX}*")):
        with contextlib.suppress(OSError):
            lock = folder / _LOCK
            if folder.stat().st_uid == os.getuid() and lock.exists():
                yield folder, is_held(folder)


@contextlib.contextmanager
def hold(state: Path) -> Iterator[int]:
    """Holds the folder as its one supervisor; gives the lock's file descriptor.

    Children that inherit the descriptor hold it too, so that the folder counts as held until the last of them is gone.
    Raises Conflict while another holds it."""
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
    """Whether a supervisor, or a child that outlives it for a moment, has the folder."""
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
    """Writes down what is up."""
    write_atomically(state / _FACTS, json.dumps(asdict(facts), indent=2) + "\n")


def read_facts(state: Path) -> LocalFacts | None:
    """What was last written down there, true while the folder is held; None where there is nothing."""
    try:
        return LocalFacts.from_json(json.loads((state / _FACTS).read_text()))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def forget(state: Path, *, temporary: bool) -> None:
    """Removes what only a cloud that is up has: its facts, or with `temporary` the whole folder."""
    if temporary:
        shutil.rmtree(state, ignore_errors=True)
    else:
        (state / _FACTS).unlink(missing_ok=True)


def is_taken(port: int) -> bool:
    """Whether something listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
