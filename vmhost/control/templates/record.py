"""The record of a launch template. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmhost.control.kind import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplateVersion:
    """One immutable version of a template. None: not specified."""

    number: int
    created_at: float
    description: str | None = None
    image_id: str | None = None
    type_name: str | None = None
    user_data: bytes | None = None
    key_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the instances launched from it."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Options, by EC2's names, that only state what applies to every instance here; kept to be shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchTemplate:
    """A named template with its versions, oldest first."""

    id: str
    name: str
    created_at: float
    versions: tuple[LaunchTemplateVersion, ...]
    default_version: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None


TEMPLATES = Kind(
    name="launch-template",
    record=LaunchTemplate,
    table="template",
    prefix="lt",
    noun="launch template",
    not_found="InvalidLaunchTemplateId.NotFound",
    taggable=True,
)
