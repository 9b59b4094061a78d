"""Welch's confidence interval for the difference of two means: do two sets of samples differ by more than noise?

Welch, The generalization of 'Student's' problem when several different population variances are involved, Biometrika
34 (1947). The two sets may have different sizes and variances. Pure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_QUANTILES = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
)  # fmt: skip
"""The 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom."""
_NORMAL = 1.9600
"""The same for any number of degrees."""


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """The range that contains the true difference with 95 % confidence."""

    low: float
    high: float

    @property
    def contains_zero(self) -> bool:
        """Whether there may be no difference at all."""
        return self.low <= 0 <= self.high


def mean_difference(a: Sequence[float], b: Sequence[float]) -> ConfidenceInterval:
    """Returns the interval for the mean of `b` minus the mean of `a`, each of two or more samples.

    Samples without any scatter give an interval of width 0."""
    difference = statistics.fmean(b) - statistics.fmean(a)
    parts = [statistics.variance(samples) / len(samples) for samples in (a, b)]
    variance = sum(parts)
    if variance == 0:
        return ConfidenceInterval(difference, difference)
    freedom = variance**2 / sum(part**2 / (len(samples) - 1) for part, samples in zip(parts, (a, b), strict=True))
    half = t_quantile(freedom) * math.sqrt(variance)
    return ConfidenceInterval(difference - half, difference + half)


def t_quantile(freedom: float) -> float:
    """Returns the 97.5 % quantile of Student's t for 2 or more degrees of freedom.

    Welch's degrees are not a whole number. Between the values of the table the quantile is nearly linear in 1/freedom:
    from 5 degrees on, this is exact to 0.005; between 2 and 3, up to 2 % too large."""
    whole = int(freedom)
    if whole >= len(_QUANTILES):
        return _NORMAL + (_QUANTILES[-1] - _NORMAL) * len(_QUANTILES) / freedom
    below, above = _QUANTILES[whole - 1], _QUANTILES[whole]
    share = (1 / whole - 1 / freedom) / (1 / whole - 1 / (whole + 1))
    return below + (above - below) * share
