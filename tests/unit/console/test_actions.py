"""Which actions are possible on an instance, and why others are disabled."""

from __future__ import annotations

import pytest

from client.console import actions
from client.console.actions import ACTIONS, BY_NAME, Action
from vmhost.admin.snapshot import ALLOWED
from vmhost.api.views import InstanceView

POSSIBLE = {
    "pending": {"terminate"},
    "running": {"stop", "reboot", "terminate", "kill", "hog"},
    "stopping": {"terminate"},
    "stopped": {"start", "terminate"},
    "shutting-down": set(),
    "terminated": set(),
}


def view(state: str) -> InstanceView:
    return InstanceView(
        id="i-00a1", type="t3.nano", state=state, host="host-a", zone="us-east-1a", image="ami-1", launched_at=0.0
    )


def disabled_reason(action: Action, view: InstanceView, *, busy: str, hogging: bool) -> str:
    return actions.disabled_reason(action, view, allowed=ALLOWED, busy=busy, hogging=hogging)


@pytest.mark.parametrize("state", POSSIBLE)
def test_actions_allowed_in_each_state(state: str) -> None:
    allowed = {each.name for each in ACTIONS if not disabled_reason(each, view(state), busy="", hogging=False)}
    assert allowed == POSSIBLE[state]


def test_reason_names_state_and_allowed_states() -> None:
    assert disabled_reason(BY_NAME["start"], view("running"), busy="", hogging=False) == (
        "it is running; start works on stopped instances"
    )
    assert disabled_reason(BY_NAME["terminate"], view("terminated"), busy="", hogging=False) == (
        "it is terminated; terminate works on pending, running, stopping or stopped instances"
    )


def test_action_unknown_to_platform_is_enabled() -> None:
    assert not actions.disabled_reason(BY_NAME["start"], view("running"), allowed={}, busy="", hogging=False)


def test_only_experiments_wait_for_experiments() -> None:
    kill = disabled_reason(BY_NAME["kill"], view("running"), busy="hog", hogging=False)
    assert kill == "the hog is still being measured"
    assert not disabled_reason(BY_NAME["stop"], view("running"), busy="hog", hogging=False)
    assert disabled_reason(BY_NAME["hog"], view("running"), busy="", hogging=True) == "a CPU hog already runs in it"
