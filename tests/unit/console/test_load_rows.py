"""The load as the page reads it: the course of a run, told once and then only what is new; and what is worth a mark."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.cloud_state import CloudState
from client.console.load_rows import Course, Seen, aim_json, course_json, is_minor
from client.console.loading import death_of
from client.load.histogram import Histogram
from client.load.summary import Mark, TimelineColumn
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


def course(*columns: TimelineColumn, number: int = 1, over: bool = False) -> Course:
    return Course(
        number=number, began=BEGAN, elapsed_s=columns[-1].began + columns[-1].seconds if columns else 0.0, over=over,
        timeout_s=2.0, timeline=columns, marks=(Mark(at=BEGAN + 1.5, text="a kill"),),
    )  # fmt: skip


def test_a_column_tells_its_own_counts_and_the_percentiles_of_the_window_that_ends_with_it() -> None:
    told = course_json(course(*(column(n, {2.0: 20}) for n in range(9)), column(9, {2.0: 15, 90.0: 5}, failed=3)))
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


def test_a_reader_is_told_how_long_a_column_may_change() -> None:
    told = course_json(course(column(0, {2.0: 20})))
    assert (told["timeout_s"], told["over"]) == (2.0, False)


def test_a_window_ends_at_its_column_and_holds_ten_seconds() -> None:
    told = course_json(course(*(column(n, {80.0 if n < 5 else 2.0: 30}) for n in range(20))))
    # The five slow seconds are half of the tenth second's window and none of the fifteenth's.
    assert [told["columns"][n]["p90"] for n in (9, 14)] == [80.0, 2.0]


def test_a_p99_is_of_a_minute_where_ten_seconds_hold_too_few_requests() -> None:
    told = course_json(course(*(column(n, {2.0: 19, 90.0: 1}) for n in range(60))))
    early, last = told["columns"][20], told["columns"][59]
    assert (told["wide_s"], early["p99"], early["p99_wide"], last["p99"], last["p99_wide"]) == (
        60,
        None,
        None,
        None,
        90.0,
    )
    busy = course_json(course(*(column(n, {2.0: 200}) for n in range(10))))["columns"][9]
    assert (busy["p99"], busy["p99_wide"]) == (2.0, None)


def test_a_second_without_an_answer_has_no_slowest_and_no_bands() -> None:
    (only,) = course_json(course(column(0, {}, failed=4)))["columns"]
    assert (only["max"], only["bands"], only["failed"]) == (None, [], 4)


def test_wide_columns_are_windows_of_their_own() -> None:
    told = course_json(course(*(column(n, {2.0: 1}, seconds=16.0) for n in range(3))))
    assert (told["column_s"], told["window_s"]) == (16.0, 16.0)


def test_a_reader_gets_what_may_have_changed_since_it_looked() -> None:
    run = course(*(column(n, {2.0: 1}) for n in range(30)))
    news = course_json(run, Seen(number=1, until_s=28.0, column_s=1.0))
    # Until 3 s (the timeout, and the second until everybody has told) after its end a column may change.
    assert ([each["began_s"] for each in news["columns"]], news["whole"]) == ([25, 26, 27, 28, 29], False)


@pytest.mark.parametrize(
    "seen", [None, Seen(number=2, until_s=28.0, column_s=1.0), Seen(number=1, until_s=28.0, column_s=2.0)]
)
def test_a_reader_of_nothing_or_of_other_columns_gets_all(seen: Seen | None) -> None:
    told = course_json(course(*(column(n, {2.0: 1}) for n in range(30))), seen)
    assert (len(told["columns"]), told["whole"]) == (30, True)


def test_a_reader_who_is_ahead_of_us_gets_nothing() -> None:
    told = course_json(course(column(0, {2.0: 1})), Seen(number=1, until_s=1e9, column_s=1.0))
    assert (told["columns"], told["whole"]) == ([], False)


@pytest.mark.parametrize(
    "text", ["before the CPU hog", "after the CPU hog", "CPU hog at work", "CPU hog ends", "80/s", "2.5/s", "1,250/s"]
)
def test_what_bounds_an_experiment_or_changes_the_rate_gives_way(text: str) -> None:
    assert is_minor(text)


@pytest.mark.parametrize("text", ["kill i-00a12000000000001", "hog in i-00a1", "i-00a1 is stopped", "mark 1"])
def test_a_kill_a_hog_and_a_death_do_not_give_way(text: str) -> None:
    assert not is_minor(text)


def test_without_a_run_there_is_no_course() -> None:
    assert course_json(None) == {"number": 0}


def test_a_death_is_told_in_words_with_its_reason() -> None:
    dead = replace(VIEW, state="stopped", generation=2, reason=ReasonView(code="Server.X", message="out of memory"))
    assert death_of(VIEW, dead, short="i-00a1", ours="") == "i-00a1 is stopped: out of memory"


@pytest.mark.parametrize(
    ("old", "new", "ours"),
    [
        (VIEW, replace(VIEW, state="stopped"), VIEW.id),
        (None, replace(VIEW, state="stopped"), ""),
        (VIEW, replace(VIEW, generation=2), ""),
        (replace(VIEW, state="pending"), VIEW, ""),
        (replace(VIEW, state="shutting-down"), replace(VIEW, state="terminated"), ""),
    ],
    ids=["the experiment's victim", "unknown before", "still running", "starts", "was going already"],
)
def test_what_is_no_death_or_an_experiments_own_is_not_marked(
    old: InstanceView | None, new: InstanceView, ours: str
) -> None:
    assert death_of(old, new, short="i-00a1", ours=ours) == ""


@pytest.mark.parametrize(
    ("url", "service", "instances"),
    [
        ("http://127.0.0.1:8000/search?q=kvm", True, []),
        ("http://198.18.0.5:8080/", False, [VIEW.id]),
        ("http://127.0.0.1:9000/", False, []),
    ],
)
def test_a_load_says_whether_it_goes_to_the_service_or_to_instances(
    url: str, service: bool, instances: list[str]
) -> None:
    own = replace(VIEW, address="198.18.0.5")
    aim = aim_json([url], "http://127.0.0.1:8000", CloudState(instances={own.id: own}))
    assert aim == {"service": service, "instances": instances}


def test_a_process_is_told_by_its_port() -> None:
    one, other = replace(VIEW, address="127.0.0.1", port=9001), replace(VIEW, id="i-2", address="127.0.0.1", port=9002)
    world = CloudState(instances={each.id: each for each in (one, other)})
    assert aim_json(["http://127.0.0.1:9002/"], "http://127.0.0.1:8000", world)["instances"] == ["i-2"]
