"""Whether two sets of samples differ by more than their own scatter: Welch's interval for the difference of two means.

Welch, The generalization of 'Student's' problem when several different population variances are involved, Biometrika
34 (1947); it asks for neither equal numbers nor equal variances. Student's quantiles come from the incomplete beta
function (Abramowitz & Stegun 26.7.1, its continued fraction 26.5.8 by Lentz's method), because Welch's degrees of
freedom are no whole number. Pure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true difference lies, at the given confidence."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether there may be no difference at all."""
        return self.low <= 0 <= self.high


def difference(a: Sequence[float], b: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """The interval for the mean of `b` less the mean of `a`, of two or more samples each.

    Samples without any scatter give an interval without width."""
    means = statistics.fmean(b) - statistics.fmean(a)
    parts = [statistics.variance(samples) / len(samples) for samples in (a, b)]
    variance = sum(parts)
    if variance == 0:
        return Interval(means, means)
    freedom = variance**2 / sum(part**2 / (len(samples) - 1) for part, samples in zip(parts, (a, b), strict=True))
    half = t_quantile(0.5 + confidence / 2, freedom) * math.sqrt(variance)
    return Interval(means - half, means + half)


def t_quantile(probability: float, freedom: float) -> float:
    """What Student's t of so many degrees of freedom does not exceed with that probability, from 0.5 to below 1."""
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, freedom) < probability else (low, middle)
    return high


def t_probability(t: float, freedom: float) -> float:
    """How probably Student's t does not exceed `t`, 0 or more."""
    return 1 - incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 <= x <= 1."""
    if x in (0.0, 1.0):
        return x
    # Beyond its mean the fraction converges badly; there the mirror image does well.
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + …)), from the front."""
    value = c = 1.0
    d = 0.0
    for number in range(1, 1000):
        m = number // 2
        if number % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (_off_zero(1 + term * d))
        c = _off_zero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value


def _off_zero(value: float) -> float:
    return value or _TINY
