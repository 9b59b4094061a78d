"""Requests are counted in the stretch in which they were due; marks cut exactly; several processes add up to one."""

from __future__ import annotations

import json
import random

import msgspec
import pytest
from load_runs import transmitted

from client.load.interval_stats import GOOD, IntervalStats, Recorder
from client.load.messages import Counted, decode_reply, encode_reply
from client.load.metrics import COLUMNS_MAX, KEPT_S, MARKS_MAX, Metrics, Timeline
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Summary, summarise
from server.api.timing import Attempt
from vmhost.base.errors import Conflict

EPOCH = 1_700_000_000.0
START_NS = 5_000_000_000_000
MS = 1_000_000


def answer(stats: IntervalStats, response_us: int = 2000, attempts: tuple[Attempt, ...] = ()) -> None:
    stats.record_sent(10, 0)
    stats.record_attempts(attempts)
    stats.record_outcome((0, 200, GOOD), response_us, response_us - 100)


def arrive(recorder: Recorder, due_ns: int) -> IntervalStats:
    stats = recorder.stats_at(START_NS + due_ns)
    stats.record_arrival()
    return stats


def told(recorder: Recorder, metrics: Metrics) -> None:
    """What the process counted, over the wire."""
    for interval in recorder.take():
        metrics.add(transmitted(interval))


def attempt(instance_id: str, outcome: str, dur_ms: float, *, hedge: bool = False) -> Attempt:
    return Attempt(
        instance_id=instance_id, type="t3.nano", host="host-a", shard=0, start_ms=0.1, dur_ms=dur_ms,
        search_ms=1.0, hedge=hedge, outcome=outcome,
    )  # fmt: skip


def test_a_mark_parts_before_from_after_to_the_request() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    for n in range(8):
        answer(arrive(recorder, n * 100 * MS))
    told(recorder, metrics)
    recorder.cut(START_NS + 950 * MS)
    mark = metrics.mark("killed", 0.95)
    for n in range(8, 15):
        answer(arrive(recorder, n * 100 * MS))
    told(recorder, metrics)
    assert mark.at == pytest.approx(EPOCH + 0.95)
    assert metrics.window(EPOCH, mark.at, 1.5).ok == 10
    assert metrics.window(mark.at, EPOCH + 10, 1.5).ok == 5
    assert metrics.total(1.5).ok == 15


def test_two_marks_in_a_second_make_three_stretches() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    marks = [metrics.mark("a", 0.25), metrics.mark("b", 0.55)]
    for mark in (0.55, 0.25):
        recorder.cut(START_NS + round(mark * NS_PER_S))
    for n in range(20):
        answer(arrive(recorder, n * 100 * MS))
    told(recorder, metrics)
    windows = [metrics.window(a, b, 2.0).ok for a, b in ((EPOCH, marks[0].at), (marks[0].at, marks[1].at))]
    assert windows == [3, 3]
    assert metrics.window(marks[1].at, EPOCH + 1, 2.0).ok == 4


def test_a_late_end_counts_where_the_request_was_due() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    slow = arrive(recorder, 500 * MS)
    recorder.cut(START_NS + 600 * MS)
    mark = metrics.mark("hog begins", 0.6)
    answer(arrive(recorder, 700 * MS))
    told(recorder, metrics)
    slow.record_sent(0, 0)
    slow.record_outcome((0, 0, Fault.TIMEOUT), 2_000_000, 2_000_000)
    told(recorder, metrics)
    before, after = metrics.window(EPOCH, mark.at, 1.0), metrics.window(mark.at, EPOCH + 1, 1.0)
    assert (before.ok, before.errors) == (0, {"timeout": 1})
    assert (after.ok, after.failed) == (1, 0)


def test_windows_without_marks_go_by_whole_seconds() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    for second in range(5):
        answer(arrive(recorder, second * NS_PER_S))
    told(recorder, metrics)
    window = metrics.window(EPOCH + 0.9, EPOCH + 3.1, 5.0)
    assert (window.since, window.until, window.ok) == (EPOCH + 1, EPOCH + 3, 2)
    assert metrics.window(EPOCH + 50, EPOCH + 60, 5.0).offered == 0


def test_a_process_remembers_only_what_is_under_way() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    slow = arrive(recorder, 0)
    for second in range(1, 100):
        answer(arrive(recorder, second * NS_PER_S))
        told(recorder, metrics)
    assert len(recorder._open) == 2
    answer(slow)
    told(recorder, metrics)
    told(recorder, metrics)
    assert len(recorder._open) == 1
    assert (metrics.total(100.0).offered, metrics.total(100.0).ok) == (100, 100)


def test_next_caller_takes_the_remaining_intervals() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    for second in range(3):
        answer(arrive(recorder, second * NS_PER_S))
    slow_teller = recorder.take()
    metrics.add(transmitted(next(slow_teller)))
    answer(arrive(recorder, 3 * NS_PER_S))
    told(recorder, metrics)
    total = metrics.total(4.0)
    assert (total.offered, total.ok, total.lag.connection.count, total.lag.generator.count) == (4, 4, 4, 4)
    assert list(slow_teller) == []


def test_a_day_takes_no_more_memory_than_ten_minutes() -> None:
    metrics, seconds = Metrics(EPOCH), 24 * 3600
    for second in range(seconds):
        stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
        stats.record_arrival()
        answer(stats, 1000 + second % 700)
        metrics.add(stats)
    assert metrics.total(float(seconds)).ok == seconds
    assert len(list(metrics.intervals())) <= KEPT_S + 1
    columns = metrics.timeline.columns()
    assert len(columns) <= COLUMNS_MAX
    assert sum(column.ok for column in columns) == seconds
    assert {column.seconds for column in columns} == {256.0}
    assert metrics.window(EPOCH, EPOCH + 50, float(seconds)).ok == 0


def test_the_timeline_shows_also_the_seconds_in_which_nothing_was_due() -> None:
    timeline = Timeline(warm_up_s=1.0)
    for second in (0, 3):
        stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
        stats.record_arrival()
        answer(stats)
        timeline.add(stats)
    columns = timeline.columns()
    assert [(column.began, column.ok, column.warm_up) for column in columns] == [
        (0.0, 1, True), (1.0, 0, False), (2.0, 0, False), (3.0, 1, False),
    ]  # fmt: skip


def test_the_warm_up_is_left_out_of_the_figures() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH, warm_up_s=1.5)
    recorder.cut(START_NS + 1500 * MS)
    for n in range(40):
        answer(arrive(recorder, n * 100 * MS))
    told(recorder, metrics)
    total = metrics.total(4.0)
    assert (total.ok, total.since, total.seconds) == (25, EPOCH + 1.5, 2.5)


def test_each_stretch_is_given_once_when_it_is_settled() -> None:
    recorder, metrics = Recorder(START_NS), Metrics(EPOCH)
    for n in range(35):
        answer(arrive(recorder, n * 100 * MS))
    told(recorder, metrics)
    assert [stats.offered for stats in metrics.finished_intervals(2.0)] == [10, 10]
    assert metrics.finished_intervals(2.9) == []
    assert [stats.offered for stats in metrics.finished_intervals(float("inf"))] == [10, 5]


def test_a_quick_error_does_not_make_the_service_look_fast_and_a_timeout_does_not_hide() -> None:
    stats = IntervalStats(0, NS_PER_S)
    for _ in range(30):
        answer(stats, 5000)
        stats.record_outcome((0, 0, Fault.CONNECT), 10, 10)
        stats.record_outcome((0, 0, Fault.TIMEOUT), 2_000_000, 2_000_000)
        stats.record_outcome((0, 404, Fault.CLIENT_ERROR), 300, 300)
    summary = figures(stats)
    assert summary.errors == {"4xx": 30, "connect": 30, "timeout": 30}
    assert summary.statuses == {"200": 30, "404": 30}
    assert (summary.completed, summary.ok) == (60, 30)
    assert summary.response.count == 60
    assert summary.response.p50 == pytest.approx(5.0, rel=0.01)
    assert summary.response.max == 2000.0
    assert summary.service.max == pytest.approx(4.9, rel=0.01)
    assert summary.classes["4xx"].p50 == pytest.approx(0.3, rel=0.01)


def figures(stats: IntervalStats, targets: tuple[str, ...] = ("only",)) -> Summary:
    return summarise(stats, since=0.0, until=1.0, targets=targets)


def test_each_target_has_its_own_figures() -> None:
    stats = IntervalStats(0, NS_PER_S)
    for _ in range(20):
        stats.record_outcome((0, 200, GOOD), 1000, 900)
        stats.record_outcome((1, 200, GOOD), 9000, 8000)
    stats.record_outcome((1, 500, Fault.SERVER_ERROR), 100, 100)
    fast, slow = figures(stats, ("fast", "slow")).targets
    assert (fast.name, fast.ok, fast.failed, fast.response.p50) == ("fast", 20, 0, pytest.approx(1.0, rel=0.01))
    assert (slow.name, slow.ok, slow.errors) == ("slow", 20, {"5xx": 1})
    assert slow.service.p50 == pytest.approx(8.0, rel=0.01)


def test_each_instance_gets_its_attempts() -> None:
    stats = IntervalStats(0, NS_PER_S)
    answer(stats, attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "error", 0.1)))
    answer(stats, attempts=(attempt("i-1", "lost", 9.0), attempt("i-2", "won", 1.0, hedge=True)))
    answer(stats, attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "lost", 0.1, hedge=True)))
    answer(stats, attempts=(attempt("i-2", "timeout", 1000.0),))
    summary = figures(stats)
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
        collectors = [Recorder(START_NS) for _ in range(parts)]
        for recorder in collectors:
            recorder.cut(START_NS + 3_456_000_000)
        for number, (due_ns, took_us, fails) in enumerate(trace):
            recorder = collectors[number % parts]
            stats = arrive(recorder, due_ns)
            stats.record_sent(took_us % 90, took_us % 7)
            stats.record_attempts((attempt(f"i-{number % 3}", "won", took_us / 1000),))
            ending = (0, 0, str(Fault.RESET)) if fails else (0, 200, GOOD)
            stats.record_outcome(ending, took_us, took_us - 5)
            if number % every == 0:
                told(collectors[(number // every) % parts], metrics)
        for recorder in reversed(collectors):
            told(recorder, metrics)
        return metrics

    one, four = count(1, every=100_000), count(4, every=37)
    assert four.total(30.0) == one.total(30.0)
    assert four.total(30.0).response_histogram.counts == one.total(30.0).response_histogram.counts
    assert list(map(canonical, four.intervals())) == list(map(canonical, one.intervals()))
    assert four.timeline.columns() == one.timeline.columns()


def canonical(stats: IntervalStats) -> object:
    """All of a tally, its cells and instances in an order of their own."""
    data = msgspec.to_builtins(stats.data(), enc_hook=lambda histogram: histogram.data)
    return data | {"outcomes": sorted(data["outcomes"], key=str)}


def test_invalid_interval_stats_are_refused() -> None:
    good = json.loads(encode_reply(Counted(interval=IntervalStats(0, NS_PER_S).data()), {}))
    for interval in ([], {}, {"counts": [1]}, {"outcomes": [[0]]}, {"lags": [[1], [2]]}):
        changed = good["interval"] | interval if interval and isinstance(interval, dict) else interval
        with pytest.raises(ValueError, match=r"Expected|missing"):
            decode_reply(json.dumps(good | {"interval": changed}).encode())


def test_a_closed_loop_has_one_time() -> None:
    stats = IntervalStats(0, NS_PER_S)
    for took_us in range(1000, 1100):
        stats.record_outcome((0, 200, GOOD), took_us, None)
    summary = figures(transmitted(stats.data()))
    assert summary.service == summary.response
    assert summary.response.count == 100


def test_marks_are_bounded() -> None:
    metrics = Metrics(EPOCH)
    for n in range(MARKS_MAX):
        metrics.mark("m", n / 1000)
    with pytest.raises(Conflict, match="1000 marks"):
        metrics.mark("one more", 2.0)
