"""What callers ask of the cloud, typed. Each is checked by the one who carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmhost.model.fleet import FleetOverride


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """RunInstances: between `min_count` and `max_count` instances, or none and a NoCapacity.

    What is None and stands in the template is taken from there."""

    image_id: str | None = None
    type_name: str | None = None
    min_count: int = 1
    max_count: int = 1
    client_token: str | None = None
    """The same token with the same request gives the same reservation again."""
    tags: Mapping[str, str] = field(default_factory=dict)
    user_data: bytes | None = None
    zone: str | None = None
    host_id: str | None = None
    fleet_id: str | None = None
    """Set only by fleets."""
    spread_key: str | None = None
    """Instances with the same key go to different hosts where there is room."""
    template: str | None = None
    """A template's id or name."""
    template_version: str | None = None
    """A number, "$Default" (also None) or "$Latest"."""
    shutdown_behavior: str = "stop"
    """What an end of the program by itself with code 0 does: "stop" or "terminate"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRequest:
    """CreateLaunchTemplate: a name and its first version."""

    name: str
    image_id: str | None = None
    type_name: str | None = None
    user_data: bytes | None = None
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """For what is launched from it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """For the template itself."""
    description: str | None = None
    client_token: str | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Options, by EC2's names, that say what is so of every instance here anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """CreateFleet: keep `target` instances of a template alive."""

    template: str
    """A template's id or name."""
    template_version: str | None = None
    target: int
    type: str = "maintain"
    overrides: tuple[FleetOverride, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """For the fleet itself."""
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """For the instances that it launches, above those of the template."""
    keep_excess: bool = False
    """When the target shrinks: False terminates what is too many, True lets it be (until it dies)."""
    replace_unhealthy: bool = False
    """Whether running instances that fail their status checks are replaced."""
    client_token: str | None = None
