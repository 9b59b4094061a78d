"""An image (AMI): what to boot, said once for each driver that can boot it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmhost.base.errors import InvalidInput

OWN_USER = "own"
"""As a boot's user: a kernel user of its own for each instance."""
_ID = re.compile(r"ami-[0-9a-z]{8,17}", re.ASCII)


def check_image_id(image_id: str) -> None:
    """Raises InvalidInput for what is no id of an image."""
    if not _ID.fullmatch(image_id):
        raise InvalidInput(f'Invalid id: "{image_id[:60]}" (expecting "ami-...")', code="InvalidAMIID.Malformed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """How one driver boots the image."""

    command: tuple[str, ...] = ()
    """Program and arguments; empty: what the image itself says (containers)."""
    image: str | None = None
    """The container image's reference."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    read_only: bool = False
    """Whether the root file system may be mounted read-only."""
    port: int = 8080
    """Where the guest's service listens; a guest without an address of its own gets another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One entry of the image catalogue."""

    id: str
    name: str
    description: str
    architecture: str
    root_gib: int
    created: str
    """ISO 8601 date-time."""
    boots: Mapping[str, Boot]
    """By driver name."""
