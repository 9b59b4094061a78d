"""Every action by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.actions import details, fleets, images, instances, launch, regions, status, tags, templates, types
from vmhost.ec2.actions.base import Action

_FAMILIES = (launch, instances, details, status, types, images, tags, regions, templates, fleets)

ACTIONS: Mapping[str, Action[Any]] = {action.name: action for family in _FAMILIES for action in family.ACTIONS}


def find(name: str, modelled: frozenset[str]) -> Action[Any]:
    """The named action. Raises Unsupported for EC2's that are not ours, InvalidInput (InvalidAction) for nobody's."""
    if name in ACTIONS:
        return ACTIONS[name]
    if name in modelled:
        raise Unsupported(f"The action {name} is one of EC2's that glasscloud does not have; nothing was done")
    raise InvalidInput(f"The action {name[:80]} is not valid for this web service.", code="InvalidAction")
