"""An image (AMI): what each driver boots for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmhost.base.errors import InvalidInput

DEFAULT_IMAGE = "glasscloud:latest"
IMAGE_VARIABLE = "GLASSCLOUD_IMAGE"
"""Environment variable: the container image for `{image}` in image catalogues."""
OWN_USER = "own"
"""Value of `Boot.user`: each instance runs as a kernel user of its own."""
_ID = re.compile(r"ami-[0-9a-z]{8,17}", re.ASCII)


def check_image_id(image_id: str) -> None:
    """Raise InvalidInput if this is not the id of an image."""
    if not _ID.fullmatch(image_id):
        raise InvalidInput(f'Invalid id: "{image_id[:60]}" (expecting "ami-...")', code="InvalidAMIID.Malformed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What one driver needs to boot the image."""

    command: tuple[str, ...] = ()
    """Program and arguments; empty: those of the container image."""
    image: str | None = None
    """The container image's reference."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    read_only: bool = False
    """Whether the root file system can be mounted read-only."""
    port: int = 8080
    """Port of the guest's service; a guest that shares the host's address is given another one."""


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
