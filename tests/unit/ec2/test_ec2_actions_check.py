"""The registry of actions against the service model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.actions.action import check_supported
from vmhost.ec2.actions.registry import ACTIONS, find_action
from vmhost.ec2.service_model import ServiceModel, Shape, Structure, load


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return load(ACTIONS.keys())


def test_actions_name_only_documented_parameters(model: ServiceModel) -> None:
    for name, action in ACTIONS.items():
        members = {member.name for member in model.operations[name].input.members}
        assert action.supported | set(action.fixed) <= members, name
        assert not action.supported & set(action.fixed), name


def test_every_parameter_is_supported_or_refused_by_name(model: ServiceModel) -> None:
    for name, action in ACTIONS.items():
        for member in model.operations[name].input.members:
            if member.name in action.supported or member.name == "DryRun":
                continue
            if member.name in action.fixed:
                check_supported(
                    name, {member.name: _allowed(action.fixed[member.name])}, action.supported, action.fixed
                )
            with pytest.raises(Unsupported, match=rf"{name} does not support {member.name}\b"):
                check_supported(name, {member.name: _odd(member.shape)}, action.supported, action.fixed)


def _allowed(fixed: Any) -> Any:
    if isinstance(fixed, Mapping):
        return {name: _allowed(inner) for name, inner in fixed.items()}
    return min(fixed) if isinstance(fixed, frozenset) else fixed


def _odd(shape: Shape) -> Any:
    return {"Odd": 1} if isinstance(shape, Structure) else "odd"


def test_unsupported_and_unknown_actions_differ(model: ServiceModel) -> None:
    with pytest.raises(Unsupported, match="CreateVpc"):
        find_action("CreateVpc", model.names)
    with pytest.raises(InvalidInput) as caught:
        find_action("MakeCoffee", model.names)
    assert caught.value.code == "InvalidAction"


def test_changing_actions_are_not_read_only() -> None:
    changing = {name for name, action in ACTIONS.items() if not action.read_only}
    assert changing == {
        *("RunInstances", "StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"),
        *("CreateTags", "DeleteTags", "CreateLaunchTemplate", "DeleteLaunchTemplate"),
        *("CreateFleet", "ModifyFleet", "DeleteFleets"),
    }
