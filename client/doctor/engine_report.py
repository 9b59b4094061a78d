"""What a Docker engine reports about itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """The report of one engine. `error` is empty if it responded."""

    source: str
    url: str
    error: str = ""
    version: str = ""
    architecture: str = ""
    cores: int = 0
    memory_mib: int = 0
    cgroup_version: str = ""
    has_image: bool = False
