"""Launch templates and fleets: what keeps a service's machines alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplateVersion:
    """One immutable version of a template. None means: not said here."""

    number: int
    created_at: float
    description: str | None = None
    image_id: str | None = None
    type_name: str | None = None
    user_data: bytes | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags for the instances launched from it."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Options, by EC2's names, that say what is so of every instance here anyway; kept to be shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplate:
    """A named template and its versions, oldest first."""

    id: str
    name: str
    created_at: float
    versions: tuple[LaunchTemplateVersion, ...]
    default_version: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None


class FleetState(StrEnum):
    """EC2's words for a fleet's life (FleetStateCode)."""

    SUBMITTED = "submitted"
    ACTIVE = "active"
    MODIFYING = "modifying"
    DELETED_RUNNING = "deleted_running"
    DELETED_TERMINATING = "deleted_terminating"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOverride:
    """One way a fleet may launch: where it differs from its template."""

    type_name: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A wish for `target` instances of a template, kept true for type `maintain`."""

    id: str
    type: str
    """"maintain", "request" or "instant"."""
    state: FleetState
    template_id: str
    template_version: int
    target: int
    created_at: float
    overrides: tuple[FleetOverride, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """For the instances that it launches, above those of the template."""
    keep_excess: bool = False
    """Whether instances above a smaller target may live on (EC2's no-termination)."""
    replace_unhealthy: bool = True
    """Whether running instances that fail their status checks are replaced; so in records from before this field."""
    client_token: str | None = None
