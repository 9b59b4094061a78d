"""The registry of actions against the service model."""

from __future__ import annotations

import pytest

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.ec2_service import ACTIONS, find_action
from vmhost.ec2.service_model import ServiceModel, load


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return load(ACTIONS.keys())


def test_unsupported_and_unknown_actions_differ(model: ServiceModel) -> None:
    with pytest.raises(Unsupported, match="CreateVpc"):
        find_action("CreateVpc", model.names)
    with pytest.raises(InvalidInput) as caught:
        find_action("MakeCoffee", model.names)
    assert caught.value.code == "InvalidAction"


def test_changing_actions_are_not_read_only() -> None:
    changing = {name for name, action in ACTIONS.items() if not action.read_only}
    assert changing == {
        *(
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "RebootInstances",
            "TerminateInstances",
            "ModifyInstanceAttribute",
        ),
        *("CreateTags", "DeleteTags", "CreateLaunchTemplate", "DeleteLaunchTemplate"),
        *("CreateKeyPair", "ImportKeyPair", "DeleteKeyPair"),
        *("CreateFleet", "ModifyFleet", "DeleteFleets"),
    }
