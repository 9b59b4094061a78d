"""What phones are told is less than what the console shows, and true to it."""

from __future__ import annotations

import json
from typing import Any

from client.console.share.guests import Guest
from client.console.share.view import REQUESTS_KEPT, REQUESTS_PER_BATCH, View, encoded, greeted

SECRET = "must-not-be-told"


def instance(name: str, state: str = "running") -> dict[str, Any]:
    """An instance's row as the console's page gets it."""
    return {
        "id": name, "short": name[:4], "state": state, "type": "t3.nano", "host": "host-a", "shard": 0,
        "hogging": False, "zone": "us-east-1a", "image": SECRET, "address": SECRET, "port": 8080, "tags": {"N": SECRET},
        "fleet": SECRET, "reason": {"code": "x", "message": SECRET}, "limits": {"disk": SECRET},
        "cannot": {"stop": SECRET},
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
        "machines": {"i-0a": {"req_s": 10.0, "p99_ms": 4.0, "aside": False, "memory_mib": 70}},
    }  # fmt: skip


def snapshot(**more: Any) -> dict[str, Any]:
    """All sections of the console's feed."""
    step = {
        "id": 1,
        "by": SECRET,
        "experiment": "kill",
        "instance_id": "i-0a",
        "short": "i-0a",
        "sentence": "0 lost",
    }
    return {
        "now": 1.0,
        "cloud": {"name": "c", "driver": "process", "stands_for": "processes", "walls": [SECRET], "why": SECRET},
        "hosts": [{"id": "host-a", "zone": "us-east-1a", "cpu_cores": 2, "why": SECRET}],
        "instances": [instance("i-0a"), instance("i-0b", "terminated")],
        "seconds": [second(1)],
        "requests": [request(1)],
        "counters": {"requests": SECRET},
        "log": [{"by": SECRET}],
        "load": {"plan": SECRET},
        "experiment": None,
        "verdict": {**step, "rows": [{"secret": SECRET}]},
        "answers": {"platform": True, "service": True},
        "share": {"who": [SECRET]},
        "links": {"api": SECRET},
        **more,
    }


def view(**more: Any) -> View:
    return View(snapshot(**more))


def test_nothing_that_guests_need_not_know_is_told() -> None:
    told = view()
    told.hear({"instances": {"set": [instance("i-0c")], "gone": []}, "requests": [request(2)], "seconds": [second(2)]})
    assert SECRET not in json.dumps([told.whole(1.0), told.take(1.0)])


def test_what_the_page_draws_is_told() -> None:
    whole = view().whole(7.0)
    assert whole["now"] == 7.0
    assert whole["cloud"] == {"name": "c", "driver": "process", "stands_for": "processes"}
    assert [each["id"] for each in whole["instances"]] == ["i-0a"]
    assert whole["seconds"][0]["machines"]["i-0a"]["req_s"] == 10.0
    assert whole["requests"][0]["attempts"][0]["outcome"] == "won"
    assert whole["verdict"]["sentence"] == "0 lost"


def test_nothing_new_is_nothing_to_tell() -> None:
    told = view()
    assert told.take(1.0) is None
    told.hear({"log": [{"by": "ops"}], "counters": {"is": {}}, "share": {"is": None}})
    told.hear({"instances": {"set": [{**instance("i-0a"), "address": "10.0.0.9"}], "gone": []}})
    assert told.take(1.0) is None


def test_an_instance_that_dies_is_gone_and_a_verdict_can_go_back_to_none() -> None:
    told = view()
    told.hear({"instances": {"set": [instance("i-0a", "terminated")], "gone": []}, "verdict": {"is": None}})
    changes = told.take(2.0)
    assert changes is not None
    assert changes["instances"] == {"set": [], "gone": ["i-0a"]}
    assert changes["verdict"] == {"is": None}


def test_of_many_requests_a_few_are_told_and_all_of_the_audience() -> None:
    told = view()
    guests = [request(number, name="Ann", colour=3, source="audience") for number in (5, 40)]
    told.hear(
        {"requests": [request(1), request(2), guests[0], *(request(number) for number in range(6, 30)), guests[1]]}
    )
    changes = told.take(2.0)
    assert changes is not None
    numbers = [each["id"] for each in changes["requests"]]
    assert numbers == ["trace-5", "trace-28", "trace-29", "trace-40"]
    assert len(numbers) == REQUESTS_PER_BATCH + 2
    assert (changes["requests"][0]["name"], changes["requests"][0]["colour"]) == ("Ann", 3)


def test_the_whole_stays_small() -> None:
    told = view()
    for number in range(1000):
        told.hear({"requests": [request(number)], "seconds": [second(number)]})
    whole = told.whole(1.0)
    assert len(whole["requests"]) == REQUESTS_KEPT
    assert len(json.dumps(whole)) < 20_000


def test_after_a_gap_the_whole_is_as_the_console_knows_it() -> None:
    told = view()
    told.start_anew(snapshot(instances=[instance("i-0d")], verdict=None))
    changes = told.take(1.0)
    assert changes is not None
    assert changes["instances"]["gone"] == ["i-0a"]
    assert [each["id"] for each in changes["instances"]["set"]] == ["i-0d"]


def test_one_encoding_serves_all_and_each_reader_hears_who_it_is() -> None:
    wire = greeted(encoded("snapshot", {"now": 1.0, "hosts": []}), Guest(name='A"b\n', colour=2))
    kind, data, *_ = wire.decode().split("\n")
    assert kind == "event: snapshot"
    assert json.loads(data.removeprefix("data: ")) == {"you": {"name": 'A"b\n', "colour": 2}, "now": 1.0, "hosts": []}
    assert wire.endswith(b"}\n\n")
