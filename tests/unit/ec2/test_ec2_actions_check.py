"""The table of actions against the service model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.actions.base import only
from vmhost.ec2.actions.table import ACTIONS, find
from vmhost.ec2.model import ServiceModel, Shape, Structure, load


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return load(ACTIONS.keys())


def test_every_member_that_an_action_speaks_of_is_in_the_model(model: ServiceModel) -> None:
    for name, action in ACTIONS.items():
        members = {member.name for member in model.operations[name].input.members}
        assert action.takes | set(action.fixed) <= members, name
        assert not action.takes & set(action.fixed), name


def test_each_member_is_honoured_or_refused_by_name(model: ServiceModel) -> None:
    for name, action in ACTIONS.items():
        for member in model.operations[name].input.members:
            if member.name in action.takes or member.name == "DryRun":
                continue
            if member.name in action.fixed:
                only(name, {member.name: _stated(action.fixed[member.name])}, action.takes, action.fixed)
            with pytest.raises(Unsupported, match=rf"{name} does not support {member.name}\b"):
                only(name, {member.name: _odd(member.shape)}, action.takes, action.fixed)


def _stated(truth: Any) -> Any:
    if isinstance(truth, Mapping):
        return {name: _stated(inner) for name, inner in truth.items()}
    return min(truth) if isinstance(truth, frozenset) else truth


def _odd(shape: Shape) -> Any:
    return {"Odd": 1} if isinstance(shape, Structure) else "odd"


def test_what_is_ec2_s_but_not_ours_and_what_is_nobody_s_are_told_apart(model: ServiceModel) -> None:
    with pytest.raises(Unsupported, match="CreateVpc"):
        find("CreateVpc", model.names)
    with pytest.raises(InvalidInput) as caught:
        find("MakeCoffee", model.names)
    assert caught.value.code == "InvalidAction"


def test_actions_that_change_something_are_told_from_those_that_read() -> None:
    changing = {name for name, action in ACTIONS.items() if not action.reads}
    assert changing == {
        *("RunInstances", "StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"),
        *("CreateTags", "DeleteTags", "CreateLaunchTemplate", "DeleteLaunchTemplate"),
        *("CreateFleet", "ModifyFleet", "DeleteFleets"),
    }
