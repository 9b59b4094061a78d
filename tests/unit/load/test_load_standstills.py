"""What counts as a standstill of the generator's computer, and what is left out because of one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from load_runs import run

from client.load.engine.arrival_scheduler import ArrivalScheduler
from client.load.interval_stats import IntervalStats
from client.load.plan.model import OpenLoop, RateStage, Spacing
from client.load.report.json_report import report_json
from client.load.run_report import make_report
from client.load.run_result import ProcessResult
from client.load.schedule import NS_PER_S, Schedule
from client.load.script.step_recorder import StepRecorder
from client.load.standstill import Standstill, StandstillDetector, describe_standstills, merge_standstills, standstill_s


@pytest.mark.parametrize(
    ("passed_s", "asleep_s", "cpu_s", "seconds"),
    [
        (0.02, 0.0, 0.001, 0.0),
        (0.9, 0.0, 0.0, 0.0),
        (2.5, 0.0, 0.01, 2.5),
        (2.5, 0.0, 2.4, 0.0),
        (2.5, 0.0, 0.5, 0.0),
        (0.02, 62.0, 0.001, 62.02),
    ],
    ids=["a heartbeat", "a busy computer", "stopped", "busy itself", "half busy", "asleep"],
)
def test_standstill_needs_an_idle_process(passed_s: float, asleep_s: float, cpu_s: float, seconds: float) -> None:
    assert standstill_s(passed_s=passed_s, asleep_s=asleep_s, cpu_s=cpu_s) == seconds


def test_blocked_event_loop_is_not_a_standstill() -> None:
    assert standstill_s(passed_s=2.0, asleep_s=0.0, cpu_s=0.01, beats=150) == 0.0
    assert standstill_s(passed_s=2.0, asleep_s=0.0, cpu_s=0.01, beats=3) == 2.0


@pytest.mark.parametrize("busy_s", [0.0, 0.3])
def test_busy_event_loop_is_not_a_standstill(busy_s: float) -> None:
    left_out: list[int] = []
    detector = StandstillDetector(left_out.append, end_ns=NS_PER_S)
    detector.start(0)
    until_s = time.process_time() + busy_s
    while time.process_time() < until_s:
        pass
    detector.check(2 * NS_PER_S)
    assert left_out == ([] if busy_s else [2 * NS_PER_S])
    assert [(each.seconds, each.schedule_s) for each in detector.standstills] == ([] if busy_s else [(2.0, 1.0)])


def test_overlapping_standstills_are_merged() -> None:
    first, same = Standstill(at=100.0, seconds=60.0), Standstill(at=100.01, seconds=60.1)
    later = Standstill(at=200.0, seconds=2.0)
    assert merge_standstills([later, same, first]) == (same, later)
    assert "stood still 2 times, 62.1 s in total" in describe_standstills((same, later))
    assert describe_standstills(()) == ""


STAGES = (RateStage(seconds=4.0, from_per_s=20.0, to_per_s=0.0), RateStage(seconds=4.0, from_per_s=20.0, to_per_s=20.0))


@pytest.mark.parametrize(
    "loop",
    [
        OpenLoop(rate_per_s=20.0),
        OpenLoop(rate_per_s=20.0, spacing=Spacing.POISSON),
        OpenLoop(stages=STAGES),
    ],
)
async def test_arrivals_in_a_standstill_are_skipped_not_missed(loop: OpenLoop) -> None:
    due = Schedule(loop, seed=1, start_ns=0)
    expected = []
    while due.due_ns is not None and due.due_ns < 8 * NS_PER_S:
        if due.due_ns >= 3 * NS_PER_S:
            expected.append(due.number)
        due.advance()
    now_ns, taken = 3 * NS_PER_S, list[int]()
    scheduler = ArrivalScheduler(
        Schedule(loop, seed=1, start_ns=0), end_ns=8 * NS_PER_S, on_arrival=lambda number, *_: taken.append(number),
        clock_ns=lambda: now_ns,
    )  # fmt: skip
    scheduler.skip(3 * NS_PER_S)
    now_ns = 8 * NS_PER_S
    scheduler.catch_up()
    scheduler.stop()
    assert taken == expected
    assert scheduler.missed == 0
    assert await asyncio.wait_for(scheduler.finished(), 1) == 8 * NS_PER_S


def test_rate_change_in_a_standstill_takes_effect() -> None:
    now_ns, taken = 0, list[int]()
    scheduler = ArrivalScheduler(
        Schedule(OpenLoop(rate_per_s=10.0), seed=1, start_ns=0), end_ns=None,
        on_arrival=lambda _, due_ns, __: taken.append(due_ns), clock_ns=lambda: now_ns,
    )  # fmt: skip
    scheduler.change_rate(100.0, 2 * NS_PER_S)
    scheduler.skip(3 * NS_PER_S)
    now_ns = 4 * NS_PER_S
    scheduler.catch_up()
    assert len(taken) in (100, 101)
    assert min(taken) >= 3 * NS_PER_S


def test_discarded_request_is_taken_back_after_sending() -> None:
    stats, whole = IntervalStats(0, NS_PER_S), IntervalStats(0, NS_PER_S)
    for _ in range(3):
        stats.record_arrival()
    stats.record_sent(10, 0)
    for leave_out in (False, True):
        if leave_out:
            stats.discard(sent=True)
            stats.discard(sent=False)
        drained = stats.drain()
        assert drained is not None
        whole.add(drained)
    assert (whole.offered, whole.started, stats.pending) == (1, 0, 1)


def test_report_names_a_standstill_and_leaves_it_out() -> None:
    report = run()
    process = ProcessResult(
        name="process 1", cpu_percent=12.0, precise_timer=True, missed=0,
        standstills=(Standstill(at=1_700_000_003.0, seconds=62.0, schedule_s=5.0),),
    )  # fmt: skip
    after = make_report(report.plan, replace(report.result, processes=(process,)), report.environment)
    told = report_json(after)
    assert after.verdict is report.verdict
    assert "; this computer stood still for 62.0 s at " in after.reason
    assert after.reason.endswith("that time is left out")
    assert told["generator"]["standstills"] == [{"at": 1_700_000_003.0, "seconds": 62.0}]
    assert told["offered_per_s"] == 2 * report_json(report)["offered_per_s"]


def test_what_is_counted_ended_at_the_time_of_the_check() -> None:
    """A clock that is read again after the check could be read behind a standstill that the check did not see."""
    times = iter((7, 3_000_000_000))
    assert StepRecorder(clock_ns=lambda: next(times)).check_standstill() == 7
