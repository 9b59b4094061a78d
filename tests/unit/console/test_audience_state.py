"""Phones receive a part of what the console shows."""

from __future__ import annotations

import json
from typing import Any

from client.console.share.audience_state import (
    REQUESTS_KEPT,
    REQUESTS_PER_BATCH,
    AudienceState,
    encoded,
    with_participant,
)
from client.console.share.participants import Participant

SECRET = "secret"


def instance(name: str, state: str = "running") -> dict[str, Any]:
    """An instance's row as the console's page gets it."""
    return {
        "id": name, "short": name[:4], "state": state, "type": "t3.nano", "host": "host-a", "shard": 0,
        "faults": [], "zone": "us-east-1a", "image": SECRET, "address": SECRET, "port": 8080, "tags": {"N": SECRET},
        "fleet": SECRET, "reason": {"code": "x", "message": SECRET}, "limits": {"disk": SECRET},
        "disabled": {"stop": SECRET},
    }  # fmt: skip


def request(number: int, **more: Any) -> dict[str, Any]:
    """A request's row as the console's page gets it."""
    attempt = {
        "instance_id": "i-0a", "type": "t3.nano", "host": "host-a", "shard": 0, "start_ms": 0.1, "dur_ms": 2.0,
        "search_ms": 1.0, "hedge": False, "retry": False, "outcome": "won",
    }  # fmt: skip
    return {
        "id": f"trace-{number}", "source": "load", "trace_id": f"trace-{number}", "total_ms": 2.5, "frontend_ms": 0.5,
        "attempts": [attempt], "at": 100.0 + number, "query": SECRET, "status": 200, "partial": False, "agent": SECRET,
        "headers": [["x", SECRET]], **more,
    }  # fmt: skip


def second(number: int) -> dict[str, Any]:
    return {
        "id": float(number), "req_s": 20.0, "failed_s": 0.0, "hedges_s": 1.0, "in_flight": 1, "p50_ms": 1.0,
        "p99_ms": 4.0,
        "instances": {"i-0a": {"req_s": 10.0, "p99_ms": 4.0, "aside": False, "memory_mib": 70}},
    }  # fmt: skip


def snapshot(**more: Any) -> dict[str, Any]:
    """All sections of the console's feed."""
    step = {"id": 1, "by": SECRET, "kind": "kill", "instance_id": "i-0a", "short": "i-0a", "sentence": "nothing lost"}
    return {
        "now": 1.0,
        "cloud": {"name": "c", "driver": "process", "stands_for": "processes", "isolation": [SECRET], "why": SECRET},
        "hosts": [{"id": "host-a", "zone": "us-east-1a", "cpu_cores": 2, "why": SECRET}],
        "instances": [instance("i-0a"), instance("i-0b", "terminated")],
        "seconds": [second(1)],
        "requests": [request(1)],
        "counters": {"requests": SECRET},
        "log": [{"by": SECRET}],
        "load": {"plan": SECRET},
        "experiment": None,
        "verdict": {**step, "worst": {"secret": SECRET}},
        "reachable": {"platform": True, "service": True},
        "share": {"participants": [SECRET]},
        "links": {"api": SECRET},
        **more,
    }


def audience_state(**more: Any) -> AudienceState:
    return AudienceState(snapshot(**more))


def test_secrets_not_sent_to_phones() -> None:
    state = audience_state()
    state.apply(
        {"instances": {"set": [instance("i-0c")], "gone": []}, "requests": [request(2)], "seconds": [second(2)]}
    )
    assert SECRET not in json.dumps([state.full(1.0), state.take_changes(1.0)])


def test_audience_state_has_what_page_draws() -> None:
    full = audience_state().full(7.0)
    assert full["now"] == 7.0
    assert full["cloud"] == {"name": "c", "driver": "process", "stands_for": "processes"}
    assert [each["id"] for each in full["instances"]] == ["i-0a"]
    assert full["seconds"][0]["instances"]["i-0a"]["req_s"] == 10.0
    assert full["requests"][0]["attempts"][0]["outcome"] == "won"
    assert full["verdict"]["sentence"] == "nothing lost"


def test_no_changes_for_phones() -> None:
    state = audience_state()
    assert state.take_changes(1.0) is None
    state.apply({"log": [{"by": "ops"}], "counters": {"is": {}}, "share": {"is": None}})
    state.apply({"instances": {"set": [{**instance("i-0a"), "address": "10.0.0.9"}], "gone": []}})
    assert state.take_changes(1.0) is None


def test_terminated_instance_and_cleared_verdict() -> None:
    state = audience_state()
    state.apply({"instances": {"set": [instance("i-0a", "terminated")], "gone": []}, "verdict": {"is": None}})
    changes = state.take_changes(2.0)
    assert changes is not None
    assert changes["instances"] == {"set": [], "gone": ["i-0a"]}
    assert changes["verdict"] == {"is": None}


def test_all_audience_requests_and_a_few_others() -> None:
    state = audience_state()
    guests = [request(number, name="Ann", colour=3, source="audience") for number in (5, 40)]
    state.apply(
        {"requests": [request(1), request(2), guests[0], *(request(number) for number in range(6, 30)), guests[1]]}
    )
    changes = state.take_changes(2.0)
    assert changes is not None
    numbers = [each["id"] for each in changes["requests"]]
    assert numbers == ["trace-5", "trace-28", "trace-29", "trace-40"]
    assert len(numbers) == REQUESTS_PER_BATCH + 2
    assert (changes["requests"][0]["name"], changes["requests"][0]["colour"]) == ("Ann", 3)


def test_the_whole_stays_small() -> None:
    state = audience_state()
    for number in range(1000):
        state.apply({"requests": [request(number)], "seconds": [second(number)]})
    full = state.full(1.0)
    assert len(full["requests"]) == REQUESTS_KEPT
    assert len(json.dumps(full)) < 20_000


def test_reset_after_missed_batches() -> None:
    state = audience_state()
    state.reset(snapshot(instances=[instance("i-0d")], verdict=None))
    changes = state.take_changes(1.0)
    assert changes is not None
    assert changes["instances"]["gone"] == ["i-0a"]
    assert [each["id"] for each in changes["instances"]["set"]] == ["i-0d"]


def test_snapshot_names_its_reader() -> None:
    wire = with_participant(encoded("snapshot", {"now": 1.0, "hosts": []}), Participant(name='A"b\n', colour=2))
    kind, data, *_ = wire.decode().split("\n")
    assert kind == "event: snapshot"
    assert json.loads(data.removeprefix("data: ")) == {"you": {"name": 'A"b\n', "colour": 2}, "now": 1.0, "hosts": []}
    assert wire.endswith(b"}\n\n")
