"""Which platform the objects in an engine belong to.

Two platforms may use the same cloud name, so every object also has the id of its owner as a label: it stands for the
platform's state folder. Another owner's objects are touched only when a person asks for it, or when the cloud is a
throwaway one, and only if that owner is known to be gone.
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
from vmhost.base.files import write_atomically
from vmhost.drivers.container import labels
from vmhost.drivers.context import LeftoverPolicy

_FILE = "owner"
_CONTAINER = "container:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A platform, as its objects in an engine name it."""

    id: str
    home: str
    """Where it runs: `container:ID`, or its network namespace, in which `Presence` is visible."""
    known: frozenset[str] = frozenset()
    """The instances in its store. Objects of old versions, without an owner label, are its own if they are in here."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of everything that it makes."""
        return {labels.OWNER: self.id, labels.HOME: self.home}

    def owns(self, found: Mapping[str, str]) -> bool:
        """Return whether an object of its cloud with these labels is its own."""
        if labels.OWNER in found:
            return found[labels.OWNER] == self.id
        return labels.INSTANCE not in found or found[labels.INSTANCE] in self.known


class OwnerStatus(Enum):
    """What is known about the platform that made an object."""

    RUNS = auto()
    GONE = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignObject:
    """An object of this cloud that another platform made."""

    id: str
    labels: Mapping[str, str]
    life: OwnerStatus
    """Whether the platform that made it still runs."""
    is_network: bool = False

    @property
    def is_guest(self) -> bool:
        return labels.INSTANCE in self.labels

    @property
    def owner(self) -> str:
        """The owner's id; empty for an object of an old version."""
        return self.labels.get(labels.OWNER, "")


class Decision(Enum):
    """What to do with other platforms' objects."""

    REMOVE = auto()
    TAKE_OVER = auto()


def owner_id(state: Path) -> str:
    """Return the id of this state folder, made at the first call. Raises InvalidInput when it cannot be saved."""
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
    """Save this owner id in the state folder, and return it."""
    state.mkdir(parents=True, exist_ok=True)
    write_atomically(state / _FILE, owner + "\n")
    return owner


def home_of(container_id: str) -> str:
    """Return where this program runs; `container_id` is the engine's container that it is in, or empty."""
    if container_id:
        return _CONTAINER + container_id
    try:
        return os.readlink("/proc/self/ns/net")  # noqa: PTH115 (it points to no path)
    except OSError:
        return ""


def container_of(home: str) -> str:
    """Return the container that a platform with this home runs in; empty if it runs in none."""
    return home.removeprefix(_CONTAINER) if home.startswith(_CONTAINER) else ""


class Presence:
    """An abstract socket name that a platform holds until it ends for any reason. On Linux only."""

    def __init__(self, owner: str) -> None:
        self._name = f"\0glasscloud-owner-{owner}"
        self._sock: socket.socket | None = None

    def take(self) -> bool:
        """Take the name. Returns False if a running platform has it."""
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
        """Release the name."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def is_present(owner: str) -> bool:
    """Return whether a platform with this id runs in our network namespace."""
    presence = Presence(owner)
    free = presence.take()
    presence.close()
    return not free


def decide(foreign: Sequence[ForeignObject], leftovers: LeftoverPolicy, cloud: str) -> Decision:
    """Decide what to do with other platforms' objects of this cloud. Raises Conflict, naming the fix. Pure."""
    if any(one.life is OwnerStatus.RUNS for one in foreign):
        raise Conflict(
            f"another platform runs the cloud {cloud} on this engine; choose another name with --cloud, "
            "or stop that platform first"
        )
    proved = all(one.life is OwnerStatus.GONE for one in foreign)
    guests = [one for one in foreign if one.is_guest]
    what = f"this engine has {_counted(len(guests))} of the cloud {cloud}"
    if leftovers is LeftoverPolicy.SWEEP and all(one.life is OwnerStatus.GONE or not one.owner for one in foreign):
        return Decision.REMOVE
    if proved and (leftovers is LeftoverPolicy.THROWAWAY or not guests):
        return Decision.REMOVE
    if not proved and all(one.owner for one in foreign):
        raise Conflict(
            f"{what} from another platform that may still be running; choose another name with --cloud, stop that "
            "platform (glasscloud down or docker compose down), or remove them by hand: "
            f"{labels.removal(cloud)}"
        )
    if leftovers is LeftoverPolicy.ADOPT:
        if len({one.owner for one in foreign}) == 1 and all(one.owner for one in foreign):
            return Decision.TAKE_OVER
        raise Conflict(
            f"{what} from an older version or from several platforms; they cannot be adopted. Remove them with "
            "--sweep, or choose another name with --cloud"
        )
    raise Conflict(
        f"{what} that are not recorded in this state folder; take them over with --adopt, remove them with --sweep, or "
        "choose another name with --cloud"
    )


def _counted(guests: int) -> str:
    return "1 instance" if guests == 1 else f"{guests or 'no'} instances"
