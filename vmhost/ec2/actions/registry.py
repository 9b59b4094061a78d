"""All actions by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.actions import (
    fleets,
    images,
    instance_details,
    instance_status,
    instance_types,
    instances,
    launch_templates,
    regions,
    run_instances,
    tags,
)
from vmhost.ec2.actions.action import Action

_FAMILIES = (
    run_instances,
    instances,
    instance_details,
    instance_status,
    instance_types,
    images,
    tags,
    regions,
    launch_templates,
    fleets,
)

ACTIONS: Mapping[str, Action[Any]] = {action.name: action for family in _FAMILIES for action in family.ACTIONS}


def find_action(name: str, documented: frozenset[str]) -> Action[Any]:
    """Return the named action. Raises Unsupported if only EC2 has it, InvalidInput (InvalidAction) if EC2 has not."""
    if name in ACTIONS:
        return ACTIONS[name]
    if name in documented:
        raise Unsupported(f"The EC2 action {name} is not supported here")
    raise InvalidInput(f"The action {name[:80]} is not valid for this web service.", code="InvalidAction")
