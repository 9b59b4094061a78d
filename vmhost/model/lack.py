"""What an engine lacks for guests to be its containers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Missing(StrEnum):
    """What would have to be there; each is mended in its own way."""

    ENGINE = "engine"
    IMAGE = "image"
    NETWORKS = "networks"
    """The engine's networks are not this machine's; its containers can still be had by asking for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What is missing, and the fact in words."""

    missing: Missing
    words: str
