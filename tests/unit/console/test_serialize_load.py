"""The load as JSON for the page: the timeline of a run, its changes, and its marks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.cloud_state import CloudState
from client.console.load_controller import death_mark
from client.console.serialize_load import KnownTimeline, RunTimeline, is_minor, target_json, timeline_json
from client.load.histogram import Histogram
from client.load.run_result import Mark, TimelineColumn
from vmhost.api.views import InstanceView, ReasonView

BEGAN = 1_700_000_000.0
VIEW = InstanceView(
    id="i-00a12000000000001", type="t3.nano", state="running", host="host-a", zone="us-east-1a", image="ami-1",
    launched_at=100.0, generation=1, changed_at=100.0,
)  # fmt: skip


def column(number: int, times_ms: dict[float, int], *, failed: int = 0, seconds: float = 1.0) -> TimelineColumn:
    histogram = Histogram()
    for took_ms, count in times_ms.items():
        for _ in range(count):
            histogram.record(round(took_ms * 1000))
    ok = histogram.total
    return TimelineColumn(
        began=number * seconds, seconds=seconds, offered=ok + failed, started=ok, completed=ok, ok=ok,
        errors={"reset": failed} if failed else {}, response_histogram=histogram, service_histogram=histogram,
        warm_up=False,
    )  # fmt: skip


def timeline(*columns: TimelineColumn, number: int = 1, over: bool = False) -> RunTimeline:
    return RunTimeline(
        number=number, began=BEGAN, elapsed_s=columns[-1].began + columns[-1].seconds if columns else 0.0, over=over,
        timeout_s=2.0, timeline=columns, marks=(Mark(at=BEGAN + 1.5, text="a kill"),),
    )  # fmt: skip


def test_column_has_own_counts_and_window_percentiles() -> None:
    told = timeline_json(timeline(*(column(n, {2.0: 20}) for n in range(9)), column(9, {2.0: 15, 90.0: 5}, failed=3)))
    assert json.loads(json.dumps(told)) == told
    last = told["columns"][-1]
    assert (told["window_s"], told["whole"], told["marks"]) == (
        10,
        True,
        [{"at_s": 1.5, "text": "a kill", "minor": False}],
    )
    assert (last["offered"], last["ok"], last["failed"], last["max"], sum(last["bands"])) == (23, 20, 3, 90.0, 20)
    # 5 of 200 were slow: beyond p90, and too few requests for a p99.
    assert (last["p50"], last["p90"], last["p99"]) == (2.0, 2.0, None)


def test_timeline_has_request_timeout() -> None:
    told = timeline_json(timeline(column(0, {2.0: 20})))
    assert (told["timeout_s"], told["over"]) == (2.0, False)


def test_window_is_the_last_ten_seconds() -> None:
    told = timeline_json(timeline(*(column(n, {80.0 if n < 5 else 2.0: 30}) for n in range(20))))
    # The five slow seconds are half of the tenth second's window and none of the fifteenth's.
    assert [told["columns"][n]["p90"] for n in (9, 14)] == [80.0, 2.0]


def test_p99_of_a_minute_when_requests_are_few() -> None:
    told = timeline_json(timeline(*(column(n, {2.0: 19, 90.0: 1}) for n in range(60))))
    early, last = told["columns"][20], told["columns"][59]
    assert (told["wide_s"], early["p99"], early["p99_wide"], last["p99"], last["p99_wide"]) == (
        60,
        None,
        None,
        None,
        90.0,
    )
    busy = timeline_json(timeline(*(column(n, {2.0: 200}) for n in range(10))))["columns"][9]
    assert (busy["p99"], busy["p99_wide"]) == (2.0, None)


def test_second_without_responses_has_no_maximum() -> None:
    (only,) = timeline_json(timeline(column(0, {}, failed=4)))["columns"]
    assert (only["max"], only["bands"], only["failed"]) == (None, [], 4)


def test_wide_columns_are_windows_of_their_own() -> None:
    told = timeline_json(timeline(*(column(n, {2.0: 1}, seconds=16.0) for n in range(3))))
    assert (told["column_s"], told["window_s"]) == (16.0, 16.0)


def test_reader_gets_only_columns_that_may_have_changed() -> None:
    run = timeline(*(column(n, {2.0: 1}) for n in range(30)))
    news = timeline_json(run, KnownTimeline(run=1, since=28.0, column_s=1.0))
    # Until 3 s (the timeout, and the second until everybody has told) after its end a column may change.
    assert ([each["began_s"] for each in news["columns"]], news["whole"]) == ([25, 26, 27, 28, 29], False)


@pytest.mark.parametrize(
    "known",
    [None, KnownTimeline(run=2, since=28.0, column_s=1.0), KnownTimeline(run=1, since=28.0, column_s=2.0)],
)
def test_reader_of_other_run_gets_all_columns(known: KnownTimeline | None) -> None:
    told = timeline_json(timeline(*(column(n, {2.0: 1}) for n in range(30))), known)
    assert (len(told["columns"]), told["whole"]) == (30, True)


def test_reader_ahead_of_run_gets_no_columns() -> None:
    told = timeline_json(timeline(column(0, {2.0: 1})), KnownTimeline(run=1, since=1e9, column_s=1.0))
    assert (told["columns"], told["whole"]) == ([], False)


@pytest.mark.parametrize("text", ["measuring before the CPU hog", "measuring ends", "80/s", "2.5/s", "1,250/s"])
def test_rate_and_window_marks_are_minor(text: str) -> None:
    assert is_minor(text)


@pytest.mark.parametrize("text", ["kill i-00a12000000000001", "hog in i-00a1", "i-00a1 is stopped", "mark 1"])
def test_kill_hog_and_death_marks_are_major(text: str) -> None:
    assert not is_minor(text)


def test_no_timeline_without_run() -> None:
    assert timeline_json(None) == {"number": 0}


def test_death_mark_has_reason() -> None:
    dead = replace(VIEW, state="stopped", generation=2, reason=ReasonView(code="Server.X", message="out of memory"))
    assert death_mark(VIEW, dead, short="i-00a1", victim="") == "i-00a1 is stopped: out of memory"


@pytest.mark.parametrize(
    ("old", "new", "victim"),
    [
        (VIEW, replace(VIEW, state="stopped"), VIEW.id),
        (None, replace(VIEW, state="stopped"), ""),
        (VIEW, replace(VIEW, generation=2), ""),
        (replace(VIEW, state="pending"), VIEW, ""),
        (replace(VIEW, state="shutting-down"), replace(VIEW, state="terminated"), ""),
    ],
    ids=["the experiment's victim", "unknown before", "still running", "starts", "was going already"],
)
def test_other_changes_are_not_marked(old: InstanceView | None, new: InstanceView, victim: str) -> None:
    assert death_mark(old, new, short="i-00a1", victim=victim) == ""


@pytest.mark.parametrize(
    ("url", "service", "instances"),
    [
        ("http://127.0.0.1:8000/search?q=kvm", True, []),
        ("http://198.18.0.5:8080/", False, [VIEW.id]),
        ("http://127.0.0.1:9000/", False, []),
    ],
)
def test_target_is_service_or_instances(url: str, service: bool, instances: list[str]) -> None:
    own = replace(VIEW, address="198.18.0.5")
    target = target_json([url], "http://127.0.0.1:8000", CloudState(instances={own.id: own}))
    assert target == {"service": service, "instances": instances}


def test_process_instance_found_by_port() -> None:
    one, other = replace(VIEW, address="127.0.0.1", port=9001), replace(VIEW, id="i-2", address="127.0.0.1", port=9002)
    world = CloudState(instances={each.id: each for each in (one, other)})
    assert target_json(["http://127.0.0.1:9002/"], "http://127.0.0.1:8000", world)["instances"] == ["i-2"]
