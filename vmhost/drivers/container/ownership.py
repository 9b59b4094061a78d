"""Which platform an engine's objects belong to.

Clouds are found by name, and two platforms may use the same name, so every object also carries the id of its owner: a
platform's state folder. What carries another owner's id is touched only when a person asks for it or when the cloud is
a throwaway one, and only once that owner is proved to be gone.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from vmhost.base.errors import Conflict, InvalidInput
from vmhost.base.web import write_atomically
from vmhost.drivers.base import Remains
from vmhost.drivers.container import labels

_FILE = "owner"
_CONTAINER = "container:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One platform, as its objects in an engine tell it."""

    id: str
    home: str
    """Where it runs: `container:ID`, or its network namespace, in which `Presence` can be seen."""
    known: frozenset[str] = frozenset()
    """The instances on its records. Objects of before owners were told are its own if they are one of these."""

    @property
    def labels(self) -> Mapping[str, str]:
        """What goes on everything that it makes."""
        return {labels.OWNER: self.id, labels.HOME: self.home}

    def owns(self, found: Mapping[str, str]) -> bool:
        """Whether an object of its cloud with these labels is its own."""
        if labels.OWNER in found:
            return found[labels.OWNER] == self.id
        return labels.INSTANCE not in found or found[labels.INSTANCE] in self.known


class Life(Enum):
    """What is known of another platform."""

    RUNS = auto()
    GONE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An object of our cloud's name that another platform made."""

    id: str
    labels: Mapping[str, str]
    life: Life
    """Of the platform that made it."""
    is_network: bool = False

    @property
    def is_guest(self) -> bool:
        return labels.INSTANCE in self.labels

    @property
    def owner(self) -> str:
        """Empty for an object of before owners were told."""
        return self.labels.get(labels.OWNER, "")


class Decision(Enum):
    """What becomes of strangers' objects."""

    REMOVE = auto()
    BECOME_THEIR_OWNER = auto()


def owner_id(state: Path) -> str:
    """The id that stands for this state folder, made once. Raises InvalidInput when it cannot be kept there."""
    path = state / _FILE
    try:
        if path.exists() and (kept := path.read_text().strip()):
            return kept
        return take_id(state, secrets.token_hex(8))
    except OSError as error:
        raise InvalidInput(
            f"state folder {state} cannot be used ({error.strerror}); choose one with --state"
        ) from error


def take_id(state: Path, owner: str) -> str:
    """The state folder stands for this owner from now on."""
    state.mkdir(parents=True, exist_ok=True)
    write_atomically(state / _FILE, owner + "\n")
    return owner


def home_of(container_id: str) -> str:
    """Where this program runs; `container_id` is the engine's container that it is in, or empty."""
    if container_id:
        return _CONTAINER + container_id
    try:
        return os.readlink("/proc/self/ns/net")  # noqa: PTH115 (it points to no path)
    except OSError:
        return ""


def container_of(home: str) -> str:
    """The container that a platform with this home runs in; empty for one that runs in none."""
    return home.removeprefix(_CONTAINER) if home.startswith(_CONTAINER) else ""


class Presence:
    """A name in the kernel that a platform holds while it lives, however it ends. Linux; elsewhere it is never seen."""

    def __init__(self, owner: str) -> None:
        self._name = f"\0glasscloud-owner-{owner}"
        self._sock: socket.socket | None = None

    def take(self) -> bool:
        """Whether it is ours now; False when a running platform has it."""
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError:
            return True
        try:
            sock.bind(self._name)
        except OSError:
            sock.close()
            return not os.path.exists("/proc/self/ns/net")  # noqa: PTH110 (names such as this are Linux's own)
        self._sock = sock
        return True

    def close(self) -> None:
        """Gives the name back."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def is_present(owner: str) -> bool:
    """Whether a platform with this id runs in our network namespace."""
    presence = Presence(owner)
    free = presence.take()
    presence.close()
    return not free


def decide(strangers: Sequence[Stranger], remains: Remains, cloud: str) -> Decision:
    """What to do with other platforms' objects of our cloud's name. Raises Conflict, naming the remedy. Pure."""
    if any(one.life is Life.RUNS for one in strangers):
        raise Conflict(
            f"another platform runs the cloud {cloud} on this engine; choose another name with --cloud, "
            "or stop that platform first"
        )
    proved = all(one.life is Life.GONE for one in strangers)
    guests = [one for one in strangers if one.is_guest]
    what = f"this engine has {_counted(len(guests))} of the cloud {cloud}"
    if remains is Remains.SWEEP and all(one.life is Life.GONE or not one.owner for one in strangers):
        return Decision.REMOVE
    if proved and (remains is Remains.THROWAWAY or not guests):
        return Decision.REMOVE
    if not proved and all(one.owner for one in strangers):
        raise Conflict(
            f"{what} from another platform, and it cannot be seen from here whether that one still runs; choose "
            "another name with --cloud, stop that platform (glasscloud down or docker compose down), or remove them by "
            f"hand: {labels.removal(cloud)}"
        )
    if remains is Remains.ADOPT:
        if len({one.owner for one in strangers}) == 1 and all(one.owner for one in strangers):
            return Decision.BECOME_THEIR_OWNER
        raise Conflict(
            f"{what} from an older version or from several platforms, which cannot be adopted; remove them with "
            "--sweep, or choose another name with --cloud"
        )
    raise Conflict(
        f"{what} that this state folder does not know; take them over with --adopt, remove them with --sweep, or "
        "choose another name with --cloud"
    )


def _counted(guests: int) -> str:
    return "1 instance" if guests == 1 else f"{guests or 'no'} instances"
