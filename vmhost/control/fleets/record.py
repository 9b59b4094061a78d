"""The record of a fleet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmhost.control.kind import Kind


class FleetState(StrEnum):
    """EC2's states of a fleet (FleetStateCode)."""

    SUBMITTED = "submitted"
    ACTIVE = "active"
    MODIFYING = "modifying"
    DELETED_RUNNING = "deleted_running"
    DELETED_TERMINATING = "deleted_terminating"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOverride:
    """One way to launch instances: where it differs from the fleet's template."""

    type_name: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A number of instances of a template that are to run."""

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
    """For the instances that it launches, in addition to those of the template."""
    keep_excess: bool = False
    """Whether instances in excess of a reduced target may keep running (EC2's no-termination)."""
    replace_unhealthy: bool = True
    """Whether running instances that fail their status checks are replaced. Records that lack the field mean True."""
    client_token: str | None = None


FLEETS = Kind(
    name="fleet",
    record=Fleet,
    table="fleet",
    prefix="fleet",
    noun="fleet ID",
    not_found="InvalidFleetId.NotFound",
    taggable=True,
)
