"""What a cloud leaves behind when it could not be removed in time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What a cloud could not wholly remove of itself."""

    instances: tuple[str, ...]
    """Those that were to go; some of them may be gone."""
    why: str
