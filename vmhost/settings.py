"""The settings of a platform, validated without looking at the computer."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmhost.api.drivers import AUTO, split_names
from vmhost.base.errors import InvalidInput
from vmhost.control.cloud import CloudSettings
from vmhost.drivers.context import LeftoverPolicy
from vmhost.drivers.registry import all_drivers
from vmhost.model.image import DEFAULT_IMAGE

DRIVERS = (AUTO, *(each.name for each in all_drivers()))
DEFAULT_PORT = 4566
_CLOUD = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCopy:
    """Where to write a copy of the access file and which user owns it."""

    path: Path
    uid: int | None = None
    """User number of the owner; None: the platform's own user."""


def parse_access_copy(text: str) -> AccessCopy:
    """Read "FILE" or "FILE:UID"."""
    path, colon, uid = text.rpartition(":")
    if colon and uid.isdecimal():
        return AccessCopy(path=Path(path), uid=int(uid))
    return AccessCopy(path=Path(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one platform program."""

    driver: str = AUTO
    """A driver, or several: "process,container"."""
    bind: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    port_search: bool = False
    """Whether to use the next free port if the port is in use."""
    state: Path
    """Folder for keys, store and logs."""
    cloud: CloudSettings = field(default_factory=CloudSettings)
    hosts: int = 2
    """Number of hosts of each driver."""
    images: tuple[Path, ...] = ()
    """Image catalogues in addition to the platform's own."""
    image: str = DEFAULT_IMAGE
    """The container image that replaces `{image}` in image catalogues."""
    network: str | None = None
    """Network of the instances in CIDR notation; None for the first free one."""
    open: bool = False
    """Accept any signature, from this computer only."""
    keep: bool = False
    """Whether instances continue after the program ends, if the driver can keep them."""
    leftovers: LeftoverPolicy = LeftoverPolicy.REFUSE
    """What to do with guests of this cloud that are not in the store."""
    ready: Path | None = None
    """File to write when the platform is ready."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names accepted in the Host header, in addition to those of the loopback."""
    access_copy: AccessCopy | None = None
    """Where to put a copy of the access file while the platform runs."""

    def __post_init__(self) -> None:
        split_names(self.driver, DRIVERS)
        if not _CLOUD.fullmatch(self.cloud.name):
            raise InvalidInput(
                f"invalid cloud name {self.cloud.name!r}; use 1 to 40 lower-case letters, digits and inner dashes"
            )
        if not 0 <= self.port <= 65535:
            raise InvalidInput(f"port {self.port} is out of range (0 to 65535)")
        if self.open and not _is_loopback(self.bind):
            raise InvalidInput(f"--open is for this computer only, but --bind is {self.bind}; use --bind 127.0.0.1")
        if self.network is not None:
            _check_network(self.network)


def default_state(cloud: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the default state folder of a cloud (XDG Base Directory: XDG_STATE_HOME)."""
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "glasscloud" / cloud / "vmhost"


def _is_loopback(bind: str) -> bool:
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


def _check_network(network: str) -> None:
    try:
        parsed = ipaddress.IPv4Network(network)
    except ValueError as error:
        raise InvalidInput(f"invalid network {network!r} ({error}); use a network such as 198.18.0.0/16") from None
    if not (8 <= parsed.prefixlen <= 28):
        raise InvalidInput(f"network {network} has {parsed.num_addresses} addresses; use /8 to /28")
