"""What can be done to an instance, and the reason when it cannot."""

from __future__ import annotations

import pytest

from client.console.actions import ACTIONS, BY_NAME, Action
from client.console.actions import hindrance as why_not
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


def hindrance(action: Action, view: InstanceView, *, busy: str, hogging: bool) -> str:
    return why_not(action, view, allowed=ALLOWED, busy=busy, hogging=hogging)


@pytest.mark.parametrize("state", POSSIBLE)
def test_each_state_allows_what_makes_sense_in_it(state: str) -> None:
    allowed = {each.name for each in ACTIONS if not hindrance(each, view(state), busy="", hogging=False)}
    assert allowed == POSSIBLE[state]


def test_a_reason_names_the_state_and_what_is_needed() -> None:
    assert hindrance(BY_NAME["start"], view("running"), busy="", hogging=False) == (
        "it is running; start works on stopped instances"
    )
    assert hindrance(BY_NAME["terminate"], view("terminated"), busy="", hogging=False) == (
        "it is terminated; terminate works on pending, running, stopping or stopped instances"
    )


def test_what_the_platform_says_nothing_about_is_left_to_it() -> None:
    assert not why_not(BY_NAME["start"], view("running"), allowed={}, busy="", hogging=False)


def test_experiments_wait_for_each_other_and_plain_actions_do_not() -> None:
    kill = hindrance(BY_NAME["kill"], view("running"), busy="hog", hogging=False)
    assert kill == "the hog is still being measured"
    assert not hindrance(BY_NAME["stop"], view("running"), busy="hog", hogging=False)
    assert hindrance(BY_NAME["hog"], view("running"), busy="", hogging=True) == "a CPU hog already runs in it"
