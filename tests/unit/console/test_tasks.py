"""Calls as lines of the log, from their answer to the end of what they set going."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.cloud_state import CloudState, fold
from client.console.log import Entry
from client.console.tasks import Tasks
from tests.unit.client.client_builders import IDS, cloud, instance
from vmhost.api.views import CallView, CloudEvent, FaultView, ReasonView

HOG = FaultView(fault_id="fault-1", fault="cpu_hog", instance_id=IDS[0], phase="started", at=100.0, until=110.0)
CRASH = ReasonView(code="Server.InternalError", message="Server.InternalError: its program ended with 1")


def call(action: str, *numbers: int, by: str = "boto3", outcome: str = "ok", message: str = "") -> CallView:
    ids = tuple(IDS[number] for number in numbers)
    return CallView(id="call-1", at=100.0, action=action, by=by, instances=ids, outcome=outcome, message=message)


def told(*events: CloudEvent, cloud_state: CloudState | None = None) -> list[Entry]:
    """What a reader who was there from the beginning is told."""
    tasks, entries = Tasks(), []
    now = cloud_state or CloudState()
    for event in events:
        now = fold(now, event)
        entries += tasks.hear(event, now)
    return entries


def outcomes(*events: CloudEvent) -> list[str]:
    return [entry.outcome for entry in told(*events)]


def test_a_launch_goes_on_until_the_last_of_its_instances_runs() -> None:
    one, other = instance(0, state="pending"), instance(1, state="pending")
    runs = [replace(view, state="running", generation=2, changed_at=at) for view, at in ((one, 100.2), (other, 100.4))]
    entries = told(one, other, call("RunInstances", 0, 1), *runs)
    assert [entry.outcome for entry in entries] == ["", "", "done in 0.4 s"]
    assert {(entry.id, entry.kind, entry.text, entry.by) for entry in entries} == {
        ("call-1", "task", "launch", "boto3")
    }
    assert entries[-1].instances == IDS[:2]


def test_an_instance_that_ran_before_its_launch_was_told_is_done_at_once() -> None:
    assert outcomes(instance(0), call("RunInstances", 0)) == ["done"]


@pytest.mark.parametrize("action", ["RunInstances", "StartInstances"])
def test_a_launch_that_fails_says_why(action: str) -> None:
    dead = instance(0, state="shutting-down", generation=2)
    entries = told(instance(0, state="pending"), call(action, 0), replace(dead, reason=CRASH))
    assert entries[-1].outcome == "failed: it is shutting-down: its program ended with 1"
    assert entries[-1].tone == "bad"


def test_a_launch_that_fails_in_part_says_for_how_many() -> None:
    both = [instance(number, state="pending") for number in (0, 1)]
    entries = told(
        *both, call("RunInstances", 0, 1), instance(0, generation=2), instance(1, state="terminated", generation=2)
    )
    assert entries[-1].outcome == "failed for 1 of 2: it is terminated"


def test_a_refused_call_is_over_with_its_code_and_words() -> None:
    (entry,) = told(call("RunInstances", outcome="InsufficientInstanceCapacity", message="no room"))
    assert (entry.outcome, entry.tone) == ("failed: InsufficientInstanceCapacity: no room", "bad")


@pytest.mark.parametrize(
    ("action", "meanwhile", "end", "text"),
    [
        ("StopInstances", "stopping", "stopped", "stop"),
        ("TerminateInstances", "shutting-down", "terminated", "terminate"),
    ],
)
def test_an_end_goes_on_until_it_is_reached(action: str, meanwhile: str, end: str, text: str) -> None:
    after = replace(instance(0, state=end, generation=3), changed_at=101.5)
    entries = told(instance(0, state=meanwhile, generation=2), call(action, 0), after)
    assert [entry.outcome for entry in entries] == ["", "done in 1.5 s"]
    assert entries[0].text == text


def test_a_reboot_goes_on_until_its_instance_changes_again() -> None:
    rebooting = instance(0, generation=2)
    entries = outcomes(
        rebooting, call("RebootInstances", 0), rebooting, replace(rebooting, generation=3, changed_at=100.7)
    )
    assert entries == ["", "done in 0.7 s"]


def test_a_hog_goes_on_until_the_fault_ends() -> None:
    other = replace(HOG, instance_id=IDS[1], phase="ended")
    ended = replace(HOG, phase="ended", at=110.0)
    assert outcomes(instance(0), HOG, call("HogCpu", 0), other, ended) == ["", "done in 10.0 s"]


def test_a_hog_is_not_ended_by_a_change_of_its_instance() -> None:
    assert outcomes(instance(0), HOG, call("HogCpu", 0), instance(0, generation=2)) == [""]


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        ("AWS CLI", "AWS CLI"),
        ("glasscloud-console", "you"),
        ("fleet-0c291234567890abc", "fleet-0c29"),
        ("unknown", "an unnamed program"),
    ],
)
def test_who_asked_is_said_as_people_say_it(by: str, shown: str) -> None:
    (entry,) = told(call("CreateTags", 0, by=by))
    assert (entry.by, entry.text, entry.outcome) == (shown, "CreateTags", "done")


def test_calls_from_before_our_time_are_told_and_nobody_says_that_they_failed() -> None:
    snapshot = replace(cloud(instance(0, state="terminated")), calls=(call("RunInstances", 0, 3),))
    (entry,) = told(snapshot)
    assert (entry.outcome, entry.tone) == ("done", "neutral")


def test_one_from_before_our_time_that_goes_on_is_followed() -> None:
    snapshot = replace(cloud(instance(0, state="pending")), calls=(call("RunInstances", 0),))
    entries = told(snapshot, replace(instance(0, generation=2), changed_at=103.0))
    assert [entry.outcome for entry in entries] == ["", "done in 3.0 s"]


def test_what_ended_in_a_gap_is_over_with_the_next_snapshot_and_told_once() -> None:
    launch = call("RunInstances", 0)
    after = replace(cloud(instance(0, generation=2)), calls=(launch,))
    gone = replace(cloud(instance(1)), calls=(launch,))
    begun = (instance(0, state="pending"), launch)
    assert len(told(*begun, after, after)) == 2
    assert outcomes(*begun, gone) == ["", "done"]


def test_a_hog_that_ended_in_a_gap_is_over_with_the_next_snapshot() -> None:
    assert outcomes(instance(0), HOG, call("HogCpu", 0), cloud()) == ["", "done"]
