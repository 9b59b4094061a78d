"""Requests are counted in the stretch in which they were due; marks cut exactly; memory stays flat."""

from __future__ import annotations

import pytest

from client.load.metrics import KEPT_S, MARKS_MAX, Metrics, Tally
from client.load.pacer import NS_PER_S
from client.load.summary import Fault
from server.api.timing import Attempt
from vmhost.base.errors import Conflict

EPOCH = 1_700_000_000.0
MS = 1_000_000


def answer(tally: Tally, response_us: int = 2000, attempts: tuple[Attempt, ...] = ()) -> None:
    tally.sent(10, 0)
    tally.answered(200, attempts)
    tally.succeeded(response_us, response_us - 100)


def arrive(metrics: Metrics, due_ns: int) -> Tally:
    tally = metrics.tally(due_ns)
    tally.arrived()
    return tally


def attempt(instance_id: str, outcome: str, dur_ms: float, *, hedge: bool = False) -> Attempt:
    return Attempt(
        instance_id=instance_id, type="t3.nano", host="host-a", shard=0, start_ms=0.1, dur_ms=dur_ms,
        search_ms=1.0, hedge=hedge, outcome=outcome,
    )  # fmt: skip


def test_a_mark_parts_before_from_after_to_the_request() -> None:
    metrics = Metrics(0, EPOCH)
    for n in range(10):
        answer(arrive(metrics, n * 100 * MS))
    mark = metrics.mark("killed", 950 * MS)
    for n in range(10, 15):
        answer(arrive(metrics, n * 100 * MS))
    now_ns = 1500 * MS
    assert mark.at == pytest.approx(EPOCH + 0.95)
    assert metrics.window(EPOCH, mark.at, now_ns).ok == 10
    assert metrics.window(mark.at, EPOCH + 10, now_ns).ok == 5
    assert metrics.total(now_ns).ok == 15


def test_a_late_end_counts_where_the_request_was_due() -> None:
    metrics = Metrics(0, EPOCH)
    slow = arrive(metrics, 500 * MS)
    mark = metrics.mark("hog begins", 600 * MS)
    answer(arrive(metrics, 700 * MS))
    slow.sent(0, 0)
    slow.failed(Fault.TIMEOUT, 2_000_000)
    before, after = metrics.window(EPOCH, mark.at, NS_PER_S), metrics.window(mark.at, EPOCH + 1, NS_PER_S)
    assert (before.ok, before.errors) == (0, {"timeout": 1})
    assert (after.ok, after.failed) == (1, 0)


def test_windows_without_marks_go_by_whole_seconds() -> None:
    metrics = Metrics(0, EPOCH)
    for second in range(5):
        answer(arrive(metrics, second * NS_PER_S))
    window = metrics.window(EPOCH + 0.9, EPOCH + 3.1, 5 * NS_PER_S)
    assert (window.since, window.until, window.ok) == (EPOCH + 1, EPOCH + 3, 2)
    assert metrics.window(EPOCH + 50, EPOCH + 60, 5 * NS_PER_S).offered == 0


def test_the_total_is_exact_while_requests_are_under_way_and_old_seconds_are_dropped() -> None:
    metrics = Metrics(0, EPOCH)
    open_tally = arrive(metrics, 0)
    for second in range(1, KEPT_S + 100):
        answer(arrive(metrics, second * NS_PER_S))
        if second == 50:
            assert metrics.total(second * NS_PER_S).ok == 50
    now_ns = (KEPT_S + 100) * NS_PER_S
    total = metrics.total(now_ns)
    assert (total.offered, total.ok, total.pending) == (KEPT_S + 100, KEPT_S + 99, 1)
    answer(open_tally)
    assert metrics.total(now_ns).ok == KEPT_S + 100
    assert metrics.window(EPOCH, EPOCH + 50, now_ns).ok == 0


def test_a_quick_error_does_not_make_the_service_look_fast_and_a_timeout_does_not_hide() -> None:
    metrics = Metrics(0, EPOCH)
    for _ in range(30):
        answer(arrive(metrics, 0), 5000)
        refused = arrive(metrics, 0)
        refused.failed(Fault.CONNECT, 10)
    for _ in range(30):
        arrive(metrics, 0).failed(Fault.TIMEOUT, 2_000_000)
    summary = metrics.summary(metrics.total(NS_PER_S))
    assert summary.errors == {"connect": 30, "timeout": 30}
    assert summary.response.count == 60
    assert summary.response.p50 == pytest.approx(5.0, rel=0.01)
    assert summary.response.max == 2000.0
    assert summary.service.max == pytest.approx(4.9, rel=0.01)


def test_each_instance_gets_its_attempts() -> None:
    metrics = Metrics(0, EPOCH)
    answer(arrive(metrics, 0), attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "error", 0.1)))
    answer(arrive(metrics, 0), attempts=(attempt("i-1", "lost", 9.0), attempt("i-2", "won", 1.0, hedge=True)))
    answer(arrive(metrics, 0), attempts=(attempt("i-1", "won", 2.0), attempt("i-2", "lost", 0.1, hedge=True)))
    answer(arrive(metrics, 0), attempts=(attempt("i-2", "timeout", 1000.0),))
    summary = metrics.summary(metrics.total(NS_PER_S))
    first, second = summary.instances
    assert (first.id, first.answered, first.lost, first.late, first.errors) == ("i-1", 2, 1, 0, 0)
    # The overtaken first attempt counts with the 9 ms it had taken; the hedge that came second says nothing.
    assert (first.latency.count, first.latency.max) == (3, 9.0)
    assert (second.id, second.answered, second.lost, second.late, second.errors) == ("i-2", 1, 1, 1, 1)
    assert (second.latency.count, second.latency.max) == (2, 1000.0)
    assert summary.others("i-2").count == 3


def test_marks_are_bounded() -> None:
    metrics = Metrics(0, EPOCH)
    for n in range(MARKS_MAX):
        metrics.mark("m", n * MS)
    with pytest.raises(Conflict, match="1000 marks"):
        metrics.mark("one more", MARKS_MAX * MS)
