"""Which actions are possible on an instance, and why others are disabled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.cloud_state import CloudState, fold
from client.console import actions
from client.console.actions import action_row, actions_of
from tests.unit.client.client_builders import IDS, cloud, instance
from vmhost.admin import ALLOWED
from vmhost.api.views import FaultKindView, FaultView

POSSIBLE = {
    "pending": {"terminate"},
    "running": {"stop", "reboot", "terminate", "kill", "noisy_neighbor"},
    "stopping": {"terminate"},
    "stopped": {"start", "terminate"},
    "shutting-down": set(),
    "terminated": set(),
}
FREEZE = FaultKindView(name="freeze", title="freeze", summary="stops", action="Freeze", lasts=True, ends_as="")
HOG = FaultView(fault_id="fault-1", fault="cpu_hog", instance_id=IDS[0], phase="started", at=1.0, until=11.0)
WORLD = fold(CloudState(), replace(cloud(), allowed=ALLOWED))


def disabled_reason(name: str, state: str = "running", *, world: CloudState = WORLD, busy: str = "") -> str:
    action = next(each for each in actions_of(world) if each.name == name)
    return actions.disabled_reason(action, instance(0, state=state), world, busy)


@pytest.mark.parametrize("state", POSSIBLE)
def test_actions_allowed_in_each_state(state: str) -> None:
    assert {each.name for each in actions_of(WORLD) if not disabled_reason(each.name, state)} == POSSIBLE[state]


def test_reason_names_state_and_allowed_states() -> None:
    assert disabled_reason("start") == "it is running; start works on stopped instances"
    assert disabled_reason("terminate", "terminated") == (
        "it is terminated; terminate works on pending, running, stopping or stopped instances"
    )


def test_action_unknown_to_platform_is_enabled() -> None:
    assert not disabled_reason("start", world=fold(CloudState(), cloud()))


def test_only_experiments_wait_for_experiments() -> None:
    assert disabled_reason("kill", busy="hog") == "the hog is still being measured"
    assert not disabled_reason("stop", busy="hog")


def test_active_fault_is_not_injected_twice() -> None:
    world = fold(WORLD, HOG)
    assert disabled_reason("noisy_neighbor", world=world) == "CPU hog already runs in it"
    assert not disabled_reason("kill", world=world)


def test_fault_without_experiment_is_an_action() -> None:
    known = replace(cloud(), fault_kinds=(*cloud().fault_kinds, FREEZE))
    (row,) = [action_row(each) for each in actions_of(fold(CloudState(), known)) if each.kind == actions.FAULT]
    assert (row["name"], row["label"], row["confirm"], row["kind"]) == ("freeze", "Freeze", "", "fault")
