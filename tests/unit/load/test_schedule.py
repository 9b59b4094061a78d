"""Schedules are pure: what is due when, for every rate and spacing, whole and in parts."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.load.plan.model import OpenLoop, RateStage, Spacing, Wave
from client.load.rates import ConstantRate, RateCurve, ReplayRate, SineRate, StagedRate, rate_curve
from client.load.schedule import NS_PER_S, WHOLE, Part, Schedule

RATES = {
    "constant": OpenLoop(rate_per_s=150),
    "ramp": OpenLoop(stages=(RateStage(seconds=4, from_per_s=0, to_per_s=300),)),
    "stages": OpenLoop(
        stages=(
            RateStage(seconds=1, from_per_s=50, to_per_s=50),
            RateStage(seconds=1.5, from_per_s=0, to_per_s=0),
            RateStage(seconds=2, from_per_s=200, to_per_s=20),
        )
    ),
    "sine": OpenLoop(rate_per_s=100, wave=Wave(amplitude_per_s=100, period_s=1.7)),
}
EVERY = pytest.mark.parametrize("loop", [pytest.param(loop, id=name) for name, loop in RATES.items()])


def dues(loop: OpenLoop, end_s: float, *, seed: int = 1, part: Part = WHOLE) -> list[tuple[int, int]]:
    schedule = Schedule(loop, seed=seed, start_ns=0, part=part)
    taken = []
    while schedule.due_ns is not None and schedule.due_ns < end_s * NS_PER_S:
        taken.append((schedule.number, schedule.due_ns))
        schedule.advance()
    return taken


def integral(loop: OpenLoop, end_s: float) -> float:
    """The area under the rate, summed in small steps from its definition."""

    def per_s(at_s: float) -> float:
        if loop.wave is not None:
            return loop.rate_per_s + loop.wave.amplitude_per_s * math.sin(2 * math.pi * at_s / loop.wave.period_s)
        for stage in loop.stages:
            if at_s < stage.seconds:
                return stage.from_per_s + (stage.to_per_s - stage.from_per_s) * at_s / stage.seconds
            at_s -= stage.seconds
        return loop.stages[-1].to_per_s if loop.stages else loop.rate_per_s

    steps = 20_000
    return sum(per_s((n + 0.5) * end_s / steps) for n in range(steps)) * end_s / steps


@EVERY
@pytest.mark.parametrize("end_s", [0.7, 2.2, 4.4, 9.0])
def test_as_many_arrivals_are_due_as_the_rate_has_area(loop: OpenLoop, end_s: float) -> None:
    assert len(dues(loop, end_s)) == pytest.approx(integral(loop, end_s), abs=1.5)


@EVERY
def test_arrivals_come_in_order_from_the_start(loop: OpenLoop) -> None:
    times = [due_ns for _, due_ns in dues(loop, 6)]
    assert times == sorted(times)
    assert times[0] == 0


@EVERY
@given(arrivals=st.floats(0, 2000))
def test_a_rate_and_its_inverse_agree(loop: OpenLoop, arrivals: float) -> None:
    rate = rate_curve(loop)
    at_s = rate.when(arrivals)
    assert at_s is not None
    assert rate.reached(at_s) == pytest.approx(arrivals, abs=1e-5)


@given(seconds=st.floats(0.01, 100), start=st.floats(0, 1e4), end=st.floats(0, 1e4), share=st.floats(0, 1))
def test_every_ramp_is_inverted_within_a_nanosecond_of_its_area(
    seconds: float, start: float, end: float, share: float
) -> None:
    ramp = StagedRate([RateStage(seconds=seconds, from_per_s=start, to_per_s=end)])
    arrivals = share * (start + end) / 2 * seconds
    at_s = ramp.when(arrivals)
    if at_s is not None:
        assert 0 <= at_s <= seconds * (1 + 1e-9)
        assert ramp.reached(at_s) == pytest.approx(arrivals, rel=1e-6, abs=1e-6)


@EVERY
@pytest.mark.parametrize("spacing", list(Spacing))
def test_the_parts_of_a_schedule_are_the_schedule(loop: OpenLoop, spacing: Spacing) -> None:
    loop = OpenLoop(rate_per_s=loop.rate_per_s, stages=loop.stages, wave=loop.wave, spacing=spacing)
    parts = [each for index in range(4) for each in dues(loop, 5, part=Part(index, 4))]
    assert sorted(parts) == dues(loop, 5)


def test_the_same_seed_gives_the_same_independent_users_and_another_others() -> None:
    loop = OpenLoop(rate_per_s=100, spacing=Spacing.POISSON)
    assert dues(loop, 2, seed=7) == dues(loop, 2, seed=7)
    assert dues(loop, 2, seed=7) != dues(loop, 2, seed=8)


def test_independent_users_are_as_irregular_as_independence_is() -> None:
    # The gaps of a Poisson process are exponential: their deviation is their mean, and a share of 1/e exceeds it.
    times = [due_ns for _, due_ns in dues(OpenLoop(rate_per_s=1000, spacing=Spacing.POISSON), 20)]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    mean = statistics.mean(gaps)
    assert mean == pytest.approx(NS_PER_S / 1000, rel=0.03)
    assert statistics.pstdev(gaps) == pytest.approx(mean, rel=0.03)
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(1 / math.e, abs=0.02)


def test_a_trace_is_replayed_as_it_was() -> None:
    trace = (0.0, 0.5, 0.5, 0.7, 3.0)
    assert dues(OpenLoop(trace=trace), 10) == [(n, round(at_s * NS_PER_S)) for n, at_s in enumerate(trace)]


def test_a_schedule_without_a_rate_never_comes() -> None:
    assert Schedule(OpenLoop(rate_per_s=0), seed=1, start_ns=5).due_ns is None
    assert Schedule(OpenLoop(rate_per_s=0), seed=1, start_ns=0, part=Part(1, 2)).due_ns is None


def test_after_stages_that_end_in_silence_nothing_comes() -> None:
    loop = OpenLoop(
        stages=(RateStage(seconds=1, from_per_s=0, to_per_s=0), RateStage(seconds=1, from_per_s=4, to_per_s=4),
                RateStage(seconds=1, from_per_s=0, to_per_s=0))
    )  # fmt: skip
    assert dues(loop, 100) == [(0, NS_PER_S), (1, 1_250_000_000), (2, 1_500_000_000), (3, 1_750_000_000)]


@EVERY
@pytest.mark.parametrize("spacing", list(Spacing))
def test_what_was_not_taken_is_counted(loop: OpenLoop, spacing: Spacing) -> None:
    loop = OpenLoop(rate_per_s=loop.rate_per_s, stages=loop.stages, wave=loop.wave, spacing=spacing)
    everything = dues(loop, 3, part=Part(1, 3))
    schedule = Schedule(loop, seed=1, start_ns=0, part=Part(1, 3))
    for _ in everything[:10]:
        schedule.advance()
    assert schedule.count_before(3 * NS_PER_S) == len(everything) - 10


def test_counting_is_exact_where_rounding_could_add_one() -> None:
    for rate in (3, 7, 60, 200, 333.3, 1e6):
        schedule = Schedule(OpenLoop(rate_per_s=rate), seed=1, start_ns=0)
        assert schedule.count_before(3 * NS_PER_S) == math.ceil(round(rate * 3, 6))


@pytest.mark.parametrize("spacing", list(Spacing))
@given(old=st.floats(1, 1000), new=st.floats(1, 1000), at_s=st.floats(0, 3))
def test_a_change_of_rate_makes_neither_burst_nor_gap(spacing: Spacing, old: float, new: float, at_s: float) -> None:
    schedule = Schedule(OpenLoop(rate_per_s=old, spacing=spacing), seed=3, start_ns=0)
    at_ns = round(at_s * NS_PER_S)
    while schedule.due_ns is not None and schedule.due_ns < at_ns:
        schedule.advance()
    assert schedule.due_ns is not None
    left = (schedule.due_ns - at_ns) / NS_PER_S * old  # what was still to pass, in arrivals
    schedule.change_rate(new, at_ns)
    assert schedule.due_ns >= at_ns - 2
    assert (schedule.due_ns - at_ns) / NS_PER_S * new == pytest.approx(left, abs=1e-4)


def test_a_pause_ends_where_it_began() -> None:
    schedule = Schedule(OpenLoop(rate_per_s=10), seed=1, start_ns=0)
    for _ in range(6):
        schedule.advance()
    schedule.change_rate(0, NS_PER_S // 2 + 50_000_000)
    assert schedule.due_ns is None
    schedule.change_rate(10, 2 * NS_PER_S)
    assert schedule.due_ns == 2 * NS_PER_S + 50_000_000


@pytest.mark.parametrize(
    "rate", [ConstantRate(5), SineRate(5, Wave(amplitude_per_s=5, period_s=1)), ReplayRate((0.0, 1.0))]
)
def test_no_arrival_is_before_the_start(rate: RateCurve) -> None:
    assert rate.when(0.0) == 0.0
