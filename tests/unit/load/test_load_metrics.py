"""Requests are counted in the stretch in which they were due; marks cut exactly; several processes add up to one."""

from __future__ import annotations

import json
import random

import pytest

from client.load.metrics import COLUMNS_MAX, KEPT_S, MARKS_MAX, Metrics, Timeline
from client.load.schedule import NS_PER_S
from client.load.summarise import summarise
from client.load.summary import Fault, Summary
from client.load.tally import GOOD, Collector, Tally
from server.api.timing import Attempt
from vmhost.base.errors import Conflict

EPOCH = 1_700_000_000.0
START_NS = 5_000_000_000_000
MS = 1_000_000


def answer(tally: Tally, response_us: int = 2000, attempts: tuple[Attempt, ...] = ()) -> None:
    tally.sent(10, 0)
    tally.attempted(attempts)
    tally.ended((0, 200, GOOD), response_us, response_us - 100)


def arrive(collector: Collector, due_ns: int) -> Tally:
    tally = collector.tally(START_NS + due_ns)
    tally.arrived()
    return tally


def told(collector: Collector, metrics: Metrics) -> None:
    """What the process counted, over the wire."""
    for data in collector.take():
        metrics.add(Tally.from_json(json.loads(json.dumps(data))))


def attempt(instance_id: str, outcome: str, dur_ms: float, *, hedge: bool = False) -> Attempt:
    return Attempt(
        instance_id=instance_id, type="t3.nano", host="host-a", shard=0, start_ms=0.1, dur_ms=dur_ms,
        search_ms=1.0, hedge=hedge, outcome=outcome,
    )  # fmt: skip


def test_a_mark_parts_before_from_after_to_the_request() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    for n in range(8):
        answer(arrive(collector, n * 100 * MS))
    told(collector, metrics)
    collector.cut(START_NS + 950 * MS)
    mark = metrics.mark("killed", 0.95)
    for n in range(8, 15):
        answer(arrive(collector, n * 100 * MS))
    told(collector, metrics)
    assert mark.at == pytest.approx(EPOCH + 0.95)
    assert metrics.window(EPOCH, mark.at, 1.5).ok == 10
    assert metrics.window(mark.at, EPOCH + 10, 1.5).ok == 5
    assert metrics.total(1.5).ok == 15


def test_two_marks_in_a_second_make_three_stretches() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    marks = [metrics.mark("a", 0.25), metrics.mark("b", 0.55)]
    for mark in (0.55, 0.25):
        collector.cut(START_NS + round(mark * NS_PER_S))
    for n in range(20):
        answer(arrive(collector, n * 100 * MS))
    told(collector, metrics)
    windows = [metrics.window(a, b, 2.0).ok for a, b in ((EPOCH, marks[0].at), (marks[0].at, marks[1].at))]
    assert windows == [3, 3]
    assert metrics.window(marks[1].at, EPOCH + 1, 2.0).ok == 4


def test_a_late_end_counts_where_the_request_was_due() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    slow = arrive(collector, 500 * MS)
    collector.cut(START_NS + 600 * MS)
    mark = metrics.mark("hog begins", 0.6)
    answer(arrive(collector, 700 * MS))
    told(collector, metrics)
    slow.sent(0, 0)
    slow.ended((0, 0, Fault.TIMEOUT), 2_000_000, 2_000_000)
    told(collector, metrics)
    before, after = metrics.window(EPOCH, mark.at, 1.0), metrics.window(mark.at, EPOCH + 1, 1.0)
    assert (before.ok, before.errors) == (0, {"timeout": 1})
    assert (after.ok, after.failed) == (1, 0)


def test_windows_without_marks_go_by_whole_seconds() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    for second in range(5):
        answer(arrive(collector, second * NS_PER_S))
    told(collector, metrics)
    window = metrics.window(EPOCH + 0.9, EPOCH + 3.1, 5.0)
    assert (window.since, window.until, window.ok) == (EPOCH + 1, EPOCH + 3, 2)
    assert metrics.window(EPOCH + 50, EPOCH + 60, 5.0).offered == 0


def test_a_process_remembers_only_what_is_under_way() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    slow = arrive(collector, 0)
    for second in range(1, 100):
        answer(arrive(collector, second * NS_PER_S))
        told(collector, metrics)
    assert len(collector._open) == 2
    answer(slow)
    told(collector, metrics)
    told(collector, metrics)
    assert len(collector._open) == 1
    assert (metrics.total(100.0).offered, metrics.total(100.0).ok) == (100, 100)


def test_what_one_has_not_come_to_tell_the_next_tells() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    for second in range(3):
        answer(arrive(collector, second * NS_PER_S))
    slow_teller = collector.take()
    metrics.add(Tally.from_json(next(slow_teller)))
    answer(arrive(collector, 3 * NS_PER_S))
    told(collector, metrics)
    total = metrics.total(4.0)
    assert (total.offered, total.ok, total.lag.connection.count, total.lag.generator.count) == (4, 4, 4, 4)
    assert list(slow_teller) == []


def test_a_day_takes_no_more_memory_than_ten_minutes() -> None:
    metrics, seconds = Metrics(EPOCH), 24 * 3600
    for second in range(seconds):
        tally = Tally(second * NS_PER_S, (second + 1) * NS_PER_S)
        tally.arrived()
        answer(tally, 1000 + second % 700)
        metrics.add(tally)
    assert metrics.total(float(seconds)).ok == seconds
    assert len(list(metrics.stretches())) <= KEPT_S + 1
    columns = metrics.timeline.columns()
    assert len(columns) <= COLUMNS_MAX
    assert sum(column.ok for column in columns) == seconds
    assert {column.seconds for column in columns} == {256.0}
    assert metrics.window(EPOCH, EPOCH + 50, float(seconds)).ok == 0


def test_the_timeline_shows_also_the_seconds_in_which_nothing_was_due() -> None:
    timeline = Timeline(warm_up_s=1.0)
    for second in (0, 3):
        tally = Tally(second * NS_PER_S, (second + 1) * NS_PER_S)
        tally.arrived()
        answer(tally)
        timeline.add(tally)
    columns = timeline.columns()
    assert [(column.began, column.ok, column.warm_up) for column in columns] == [
        (0.0, 1, True), (1.0, 0, False), (2.0, 0, False), (3.0, 1, False),
    ]  # fmt: skip


def test_the_warm_up_is_left_out_of_the_figures() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH, warm_up_s=1.5)
    collector.cut(START_NS + 1500 * MS)
    for n in range(40):
        answer(arrive(collector, n * 100 * MS))
    told(collector, metrics)
    total = metrics.total(4.0)
    assert (total.ok, total.since, total.seconds) == (25, EPOCH + 1.5, 2.5)


def test_each_stretch_is_given_once_when_it_is_settled() -> None:
    collector, metrics = Collector(START_NS), Metrics(EPOCH)
    for n in range(35):
        answer(arrive(collector, n * 100 * MS))
    told(collector, metrics)
    assert [tally.offered for tally in metrics.settled(2.0)] == [10, 10]
    assert metrics.settled(2.9) == []
    assert [tally.offered for tally in metrics.settled(float("inf"))] == [10, 5]


def test_a_quick_error_does_not_make_the_service_look_fast_and_a_timeout_does_not_hide() -> None:
    tally = Tally(0, NS_PER_S)
    for _ in range(30):
        answer(tally, 5000)
        tally.ended((0, 0, Fault.CONNECT), 10, 10)
        tally.ended((0, 0, Fault.TIMEOUT), 2_000_000, 2_000_000)
        tally.ended((0, 404, Fault.CLIENT_ERROR), 300, 300)
    summary = figures(tally)
    assert summary.errors == {"4xx": 30, "connect": 30, "timeout": 30}
    assert summary.statuses == {"200": 30, "404": 30}
    assert (summary.completed, summary.ok) == (60, 30)
    assert summary.response.count == 60
    assert summary.response.p50 == pytest.approx(5.0, rel=0.01)
    assert summary.response.max == 2000.0
    assert summary.service.max == pytest.approx(4.9, rel=0.01)
    assert summary.classes["4xx"].p50 == pytest.approx(0.3, rel=0.01)


def figures(tally: Tally, targets: tuple[str, ...] = ("only",)) -> Summary:
    return summarise(tally, since=0.0, until=1.0, targets=targets)


def test_each_target_has_its_own_figures() -> None:
    tally = Tally(0, NS_PER_S)
    for _ in range(20):
        tally.ended((0, 200, GOOD), 1000, 900)
        tally.ended((1, 200, GOOD), 9000, 8000)
    tally.ended((1, 500, Fault.SERVER_ERROR), 100, 100)
    fast, slow = figures(tally, ("fast", "slow")).targets
    assert (fast.name, fast.ok, fast.failed, fast.response.p50) == ("fast", 20, 0, pytest.approx(1.0, rel=0.01))
    assert (slow.name, slow.ok, slow.errors) == ("slow", 20, {"5xx": 1})
    assert slow.service.p50 == pytest.approx(8.0, rel=0.01)


def test_each_instance_gets_its_attempts() -> None:
    tally = Tally(0, NS_PER_S)
    answer(tally, attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "error", 0.1)))
    answer(tally, attempts=(attempt("i-1", "lost", 9.0), attempt("i-2", "won", 1.0, hedge=True)))
    answer(tally, attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "lost", 0.1, hedge=True)))
    answer(tally, attempts=(attempt("i-2", "timeout", 1000.0),))
    summary = figures(tally)
    first, second = summary.instances
    assert (first.id, first.answered, first.lost, first.late, first.errors) == ("i-1", 2, 1, 0, 0)
    # The overtaken first attempt counts with the 9 ms it had taken; the hedge that came second says nothing.
    assert (first.latency.count, first.latency.max) == (3, 9.0)
    assert (second.id, second.answered, second.lost, second.late, second.errors) == ("i-2", 1, 1, 1, 1)
    assert (second.latency.count, second.latency.max) == (2, 1000.0)
    assert summary.others("i-2").count == 3


def test_four_processes_count_what_one_counts_bucket_for_bucket() -> None:
    """The same trace of requests, counted by one process and by four, told in pieces and in any order."""
    rng = random.Random(4)
    trace = [(n * 7 * MS, int(rng.lognormvariate(7, 1.5)), rng.random() < 0.02) for n in range(3000)]

    def count(parts: int, *, every: int) -> Metrics:
        metrics = Metrics(EPOCH)
        collectors = [Collector(START_NS) for _ in range(parts)]
        for collector in collectors:
            collector.cut(START_NS + 3_456_000_000)
        for number, (due_ns, took_us, fails) in enumerate(trace):
            collector = collectors[number % parts]
            tally = arrive(collector, due_ns)
            tally.sent(took_us % 90, took_us % 7)
            tally.attempted((attempt(f"i-{number % 3}", "won", took_us / 1000),))
            ending = (0, 0, str(Fault.RESET)) if fails else (0, 200, GOOD)
            tally.ended(ending, took_us, took_us - 5)
            if number % every == 0:
                told(collectors[(number // every) % parts], metrics)
        for collector in reversed(collectors):
            told(collector, metrics)
        return metrics

    one, four = count(1, every=100_000), count(4, every=37)
    assert four.total(30.0) == one.total(30.0)
    assert four.total(30.0).response_histogram.counts == one.total(30.0).response_histogram.counts
    assert list(map(canonical, four.stretches())) == list(map(canonical, one.stretches()))
    assert four.timeline.columns() == one.timeline.columns()


def canonical(tally: Tally) -> object:
    """All of a tally, its cells and instances in an order of their own."""
    data = tally.to_json()
    return data | {name: sorted(data[name], key=str) for name in ("cells", "instances")}


def test_a_tally_that_is_none_is_refused() -> None:
    good = Tally(0, NS_PER_S).to_json()
    for data in ([], {}, good | {"counts": [1]}, good | {"cells": [[0]]}, good | {"lag": [[1], [2]]}):
        with pytest.raises(ValueError, match="no tally"):
            Tally.from_json(data)


def test_a_closed_loop_has_one_time() -> None:
    tally = Tally(0, NS_PER_S)
    for took_us in range(1000, 1100):
        tally.ended((0, 200, GOOD), took_us, None)
    summary = figures(Tally.from_json(tally.to_json()))
    assert summary.service == summary.response
    assert summary.response.count == 100


def test_marks_are_bounded() -> None:
    metrics = Metrics(EPOCH)
    for n in range(MARKS_MAX):
        metrics.mark("m", n / 1000)
    with pytest.raises(Conflict, match="1000 marks"):
        metrics.mark("one more", 2.0)
