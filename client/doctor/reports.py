"""What an engine says of itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """What one engine said. `error` is empty where it answered."""

    source: str
    url: str
    error: str = ""
    version: str = ""
    architecture: str = ""
    cores: int = 0
    memory_mib: int = 0
    cgroup_version: str = ""
    has_image: bool = False
