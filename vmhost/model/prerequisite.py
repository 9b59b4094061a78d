"""The prerequisites of containers, and which of them is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Prerequisite(StrEnum):
    """Something that containers need; each is provided in its own way."""

    ENGINE = "engine"
    IMAGE = "image"
    NETWORKS = "networks"
    """The engine's networks are not on this computer; containers can still be used with `--driver container`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPrerequisite:
    """A prerequisite that is not met, and why."""

    prerequisite: Prerequisite
    reason: str
