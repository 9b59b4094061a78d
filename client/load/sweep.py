"""A sweep looks for the knee: which rates to offer, what broke at which rate, and when it is over. Pure.

The *knee* is the highest rate, with no worse one below it, whose tail latency is at most five times that at the lowest
rate. The tail is the highest of p99, p90 and p50 of which the lowest rate has enough samples.

Why not the maximum of *power*, throughput over mean response time (Kleinrock, Power and deterministic rules of thumb
for probabilistic problems in computer communications, ICC 1979)? It needs no chosen factor and is shown as well. But
its maximum is flat, so that over eight measured rates chance chooses; and with random arrivals at one server it
lies at half the capacity, more idle than anybody wants to pay for. A multiple of the unloaded latency is crossed where
the curve is steep: of an M/M/1 queue, whose time grows as 1/(1 - utilisation), the factors 4, 5 and 6 mean utilisations
of 75, 80 and 83 %. So the arbitrary factor hardly matters, and neither does an error of the latency at the lowest rate.

A rate is *broken* when less than 95 % of the offered rate was completed or more than 1 % of the requests failed. An
overloaded server that is given time after the last request answers them all in the end; so the time by which the last
second's requests waited longer than at the lowest rate counts as time that the server needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from client.load.plan.validation import RATE_MAX_PER_S
from client.load.run_report import Report
from client.load.run_result import TimelineColumn
from client.load.summary import Latency
from client.load.verdict import Verdict
from vmhost.base.errors import InvalidInput

KNEE_FACTOR = 5.0
KEPT_SHARE_MIN = 0.95
ERROR_SHARE_MAX = 0.01
FINE_ENOUGH = 1.05
"""Two rates so close together are not worth another one between them."""
STEPS_MAX = 100
REQUESTS_MIN = 20
"""Fewer requests give not even a median."""


class Health(StrEnum):
    """How the server did at a rate."""

    GOOD = "good"
    SLOW = "slow"
    """It keeps up, at more than five times the latency."""
    BROKEN = "broken"
    UNKNOWN = "unknown"
    """The generator did not keep the schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRange:
    """The rates of a sweep, from the lowest to the highest, in a number of steps altogether."""

    from_per_s: float
    to_per_s: float
    steps: int

    @property
    def ladder(self) -> tuple[float, ...]:
        """The rates to climb, each the same factor above the one before; the other steps are for a closer look."""
        rungs = self.steps // 2 + 1
        factor = (self.to_per_s / self.from_per_s) ** (1 / (rungs - 1))
        between = (_plain(self.from_per_s * factor**rung) for rung in range(1, rungs - 1))
        # Rungs of a short ladder may be rounded to the same rate.
        return tuple(dict.fromkeys((self.from_per_s, *between, self.to_per_s)))


def check_range(wanted: RateRange, *, step_s: float) -> RateRange:
    """The range. Raises InvalidInput for one that makes no sense with steps of that length."""
    low, high = wanted.from_per_s, wanted.to_per_s
    if not 0 < low < high <= RATE_MAX_PER_S:
        raise InvalidInput(
            f"a sweep from {low:g} to {high:g}/s is not possible; use rising rates up to {RATE_MAX_PER_S:.0f}"
        )
    if not 2 <= wanted.steps <= STEPS_MAX:
        raise InvalidInput(f"{wanted.steps} steps are not possible; use 2 to {STEPS_MAX}")
    if low * step_s < REQUESTS_MIN:
        raise InvalidInput(
            f"{low:g}/s for {step_s:g} s makes {low * step_s:.0f} requests; expected {REQUESTS_MIN} for a median"
        )
    return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStep:
    """What was measured at one rate. `last_ms`: the median response time of the last second's requests; `invalid`: why
    the figures say nothing about the server."""

    rate_per_s: float
    seconds: float
    offered: int
    completed: int
    failed: int
    response: Latency
    service: Latency
    last_ms: float
    cpu_percent: float
    invalid: str | None = None

    @property
    def error_share(self) -> float:
        """The share of what was offered that failed."""
        return self.failed / max(1, self.offered)


def step_of(rate_per_s: float, report: Report) -> SweepStep:
    """The step that a run at that rate was."""
    total = report.summary
    return SweepStep(
        rate_per_s=rate_per_s,
        seconds=report.seconds,
        offered=total.offered,
        completed=total.completed,
        failed=total.failed,
        response=total.response,
        service=total.service,
        last_ms=_last_ms(report.result.timeline) or total.response.p50 or 0.0,
        cpu_percent=report.result.cpu_percent,
        invalid=report.reason if report.verdict is Verdict.INVALID else None,
    )


def _last_ms(timeline: tuple[TimelineColumn, ...]) -> float | None:
    histograms = [column.response_histogram for column in timeline if column.response_histogram.total]
    median_us = histograms[-1].percentile_us(50) if histograms else None
    return None if median_us is None else median_us / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep as far as it has come: `steps` in the order in which they were made; `halted`: why it went no further,
    if it was not for what they measured."""

    range: RateRange
    steps: tuple[SweepStep, ...] = ()
    halted: str | None = None

    def plus(self, step: SweepStep) -> Sweep:
        """The sweep with one step more."""
        return replace(self, steps=(*self.steps, step))

    # What to do

    def next_rate(self) -> float | None:
        """The rate to offer next, None when the sweep has ended.

        Up the ladder until a rate is broken; then halving, on the logarithmic scale, what lies between the last good
        rate and the first that is not."""
        if self.halted is not None or self.limit is not None or len(self.steps) >= self.range.steps:
            return None
        ladder = self.range.ladder
        if len(self.steps) < len(ladder) and self.broken is None:
            return ladder[len(self.steps)]
        knee, bad = self.knee, self.first_bad
        if knee is None or bad is None or bad.rate_per_s / knee.rate_per_s <= FINE_ENOUGH:
            return None
        between = _plain(math.sqrt(knee.rate_per_s * bad.rate_per_s))
        return between if all(step.rate_per_s != between for step in self.steps) else None

    # What it found

    @property
    def by_rate(self) -> tuple[SweepStep, ...]:
        """The steps with rising rates."""
        return tuple(sorted(self.steps, key=lambda step: step.rate_per_s))

    @property
    def tail(self) -> str:
        """The name of the percentile by which steps are judged."""
        lowest = self.steps[0].response if self.steps else Latency()
        return next((name for name in ("p99", "p90") if getattr(lowest, name) is not None), "p50")

    def tail_ms(self, step: SweepStep) -> float | None:
        """A step's latency at that percentile."""
        value: float | None = getattr(step.response, self.tail)
        return value

    def kept_per_s(self, step: SweepStep) -> float:
        """The rate at which the step's requests were completed, with the time that the last of them still needed."""
        usual_ms = self.steps[0].response.p50 or 0.0
        return step.completed / (step.seconds + max(0.0, step.last_ms - usual_ms) / 1000)

    def health(self, step: SweepStep) -> Health:
        """How the server did."""
        return self._judged(step)[0]

    def why(self, step: SweepStep) -> str:
        """The figure behind it, empty where all is well."""
        return self._judged(step)[1]

    @property
    def knee(self) -> SweepStep | None:
        """The highest good rate with no worse one below it."""
        bad = self.first_bad
        good = [step for step in self.by_rate if self.health(step) is Health.GOOD]
        return next((step for step in reversed(good) if bad is None or step.rate_per_s < bad.rate_per_s), None)

    @property
    def first_bad(self) -> SweepStep | None:
        """The lowest rate that is slow or broken."""
        return self._first(Health.SLOW, Health.BROKEN)

    @property
    def broken(self) -> SweepStep | None:
        """The lowest rate that is broken."""
        return self._first(Health.BROKEN)

    @property
    def limit(self) -> SweepStep | None:
        """The step in which the generator did not keep the schedule."""
        return self._first(Health.UNKNOWN)

    @property
    def power_peak(self) -> SweepStep | None:
        """The step with the most power."""
        measured = [step for step in self.by_rate if step.invalid is None and step.response.mean]
        return max(measured, key=self._power, default=None)

    @property
    def reason(self) -> str:
        """Why the sweep ended, in a sentence."""
        limit, broken, bad = self.limit, self.broken, self.first_bad
        if self.halted is not None:
            return self.halted
        if limit is not None:
            return f"the generator is the limit at {limit.rate_per_s:g}/s: {limit.invalid}"
        if bad is not None and self.knee is None:
            return f"no rate is good, not even {bad.rate_per_s:g}/s: {self.why(bad)}"
        if broken is not None:
            return f"it breaks at {broken.rate_per_s:g}/s: {self.why(broken)}"
        if bad is not None:
            return (
                f"it gets slow at {bad.rate_per_s:g}/s, {self.why(bad)}, and does not break up to {self._highest:g}/s"
            )
        return f"it does not break up to {self._highest:g}/s: raise --to"

    @property
    def exit_code(self) -> int:
        """0; 3 when the generator was the limit; 1 when there is no good rate."""
        if self.limit is not None:
            return Verdict.INVALID.exit_code
        return 0 if self.knee is not None else 1

    @property
    def _highest(self) -> float:
        return max((step.rate_per_s for step in self.steps), default=0.0)

    def _first(self, *healths: Health) -> SweepStep | None:
        return next((step for step in self.by_rate if self.health(step) in healths), None)

    def _power(self, step: SweepStep) -> float:
        assert step.response.mean is not None
        return self.kept_per_s(step) / step.response.mean

    def _judged(self, step: SweepStep) -> tuple[Health, str]:
        if step.invalid is not None:
            return Health.UNKNOWN, step.invalid
        if step.error_share > ERROR_SHARE_MAX:
            return Health.BROKEN, f"{100 * step.error_share:.1f} % failed"
        kept = self.kept_per_s(step) * step.seconds / max(1, step.offered)
        if kept < KEPT_SHARE_MIN:
            return Health.BROKEN, f"completed {100 * kept:.0f} % of the offered rate"
        tail_ms, usual_ms = self.tail_ms(step), self.tail_ms(self.steps[0])
        if tail_ms is None or usual_ms is None:
            return Health.BROKEN, "too few answers to tell a median"
        if tail_ms > KNEE_FACTOR * usual_ms:
            return Health.SLOW, f"{self.tail} {tail_ms / max(usual_ms, 0.001):.1f} times that at the lowest rate"
        return Health.GOOD, ""


def _plain(rate_per_s: float) -> float:
    """The rate with three digits, as people say it."""
    return float(f"{rate_per_s:.3g}")
