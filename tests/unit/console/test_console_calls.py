"""Calls as lines of the log, in progress until their instances have reached their state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.cloud_state import CloudState, fold
from client.console.event_log import CallLog, LogEntry
from tests.unit.client.client_builders import IDS, cloud, instance
from vmhost.api.views import CallView, CloudEvent, FaultView, ReasonView

HOG = FaultView(fault_id="fault-1", fault="cpu_hog", instance_id=IDS[0], phase="started", at=100.0, until=110.0)
CRASH = ReasonView(code="Server.InternalError", message="Server.InternalError: its program ended with 1")


def call(action: str, *numbers: int, by: str = "boto3", outcome: str = "ok", message: str = "") -> CallView:
    ids = tuple(IDS[number] for number in numbers)
    return CallView(id="call-1", at=100.0, action=action, by=by, instances=ids, outcome=outcome, message=message)


def entries_of(*events: CloudEvent, world: CloudState | None = None) -> list[LogEntry]:
    """Return the lines that the events add or change."""
    log, entries = CallLog(), []
    now = world or CloudState()
    for event in events:
        now = fold(now, event)
        entries += log.on_event(event, now)
    return entries


def outcomes(*events: CloudEvent) -> list[str]:
    return [entry.outcome for entry in entries_of(*events)]


def test_launch_ends_when_all_instances_run() -> None:
    one, other = instance(0, state="pending"), instance(1, state="pending")
    runs = [replace(view, state="running", generation=2, changed_at=at) for view, at in ((one, 100.2), (other, 100.4))]
    entries = entries_of(one, other, call("RunInstances", 0, 1), *runs)
    assert [entry.outcome for entry in entries] == ["", "", "done in 0.4 s"]
    assert {(entry.id, entry.kind, entry.text, entry.by) for entry in entries} == {
        ("call-1", "task", "launch", "boto3")
    }
    assert entries[-1].instances == IDS[:2]


def test_launch_of_running_instance_is_done() -> None:
    assert outcomes(instance(0), call("RunInstances", 0)) == ["done"]


@pytest.mark.parametrize("action", ["RunInstances", "StartInstances"])
def test_failed_launch_has_reason(action: str) -> None:
    dead = instance(0, state="shutting-down", generation=2)
    entries = entries_of(instance(0, state="pending"), call(action, 0), replace(dead, reason=CRASH))
    assert entries[-1].outcome == "failed: it is shutting-down: its program ended with 1"
    assert entries[-1].tone == "bad"


def test_partly_failed_launch_says_how_many() -> None:
    both = [instance(number, state="pending") for number in (0, 1)]
    entries = entries_of(
        *both, call("RunInstances", 0, 1), instance(0, generation=2), instance(1, state="terminated", generation=2)
    )
    assert entries[-1].outcome == "failed for 1 of 2: it is terminated"


def test_refused_call_has_code_and_message() -> None:
    (entry,) = entries_of(call("RunInstances", outcome="InsufficientInstanceCapacity", message="no room"))
    assert (entry.outcome, entry.tone) == ("failed: InsufficientInstanceCapacity: no room", "bad")


@pytest.mark.parametrize(
    ("action", "meanwhile", "end", "text"),
    [
        ("StopInstances", "stopping", "stopped", "stop"),
        ("TerminateInstances", "shutting-down", "terminated", "terminate"),
    ],
)
def test_stop_and_terminate_end_with_their_state(action: str, meanwhile: str, end: str, text: str) -> None:
    after = replace(instance(0, state=end, generation=3), changed_at=101.5)
    entries = entries_of(instance(0, state=meanwhile, generation=2), call(action, 0), after)
    assert [entry.outcome for entry in entries] == ["", "done in 1.5 s"]
    assert entries[0].text == text


def test_reboot_ends_with_next_change() -> None:
    rebooting = instance(0, generation=2)
    entries = outcomes(
        rebooting, call("RebootInstances", 0), rebooting, replace(rebooting, generation=3, changed_at=100.7)
    )
    assert entries == ["", "done in 0.7 s"]


def test_hog_ends_with_its_fault() -> None:
    other = replace(HOG, instance_id=IDS[1], phase="ended")
    ended = replace(HOG, phase="ended", at=110.0)
    assert outcomes(cloud(), HOG, call("HogCpu", 0), other, ended) == ["", "done in 10.0 s"]


def test_instance_change_does_not_end_hog() -> None:
    assert outcomes(cloud(), HOG, call("HogCpu", 0), instance(0, generation=2)) == [""]


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        ("AWS CLI", "AWS CLI"),
        ("glasscloud-console", "you"),
        ("fleet-0c291234567890abc", "fleet-0c29"),
        ("unknown", "an unnamed program"),
    ],
)
def test_caller_names(by: str, shown: str) -> None:
    (entry,) = entries_of(call("CreateTags", 0, by=by))
    assert (entry.by, entry.text, entry.outcome) == (shown, "CreateTags", "done")


def test_old_calls_never_fail() -> None:
    snapshot = replace(cloud(instance(0, state="terminated")), calls=(call("RunInstances", 0, 3),))
    (entry,) = entries_of(snapshot)
    assert (entry.outcome, entry.tone) == ("done", "neutral")


def test_old_call_in_progress_is_followed() -> None:
    snapshot = replace(cloud(instance(0, state="pending")), calls=(call("RunInstances", 0),))
    entries = entries_of(snapshot, replace(instance(0, generation=2), changed_at=103.0))
    assert [entry.outcome for entry in entries] == ["", "done in 3.0 s"]


def test_call_that_ended_in_gap_logged_once() -> None:
    launch = call("RunInstances", 0)
    after = replace(cloud(instance(0, generation=2)), calls=(launch,))
    gone = replace(cloud(instance(1)), calls=(launch,))
    started = (instance(0, state="pending"), launch)
    assert len(entries_of(*started, after, after)) == 2
    assert outcomes(*started, gone) == ["", "done"]


def test_hog_that_ended_in_gap() -> None:
    assert outcomes(cloud(), HOG, call("HogCpu", 0), cloud()) == ["", "done"]
