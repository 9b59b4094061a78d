"""Arrival processes: which arrival is due when, decided before any request is sent.

A pacer is a pure function of the arrival's number, so that the schedule never bends to how the server answers. Other
processes (Poisson, ramp, replay) are further classes with the same two methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

NS_PER_S = 1_000_000_000


class Pacer(Protocol):
    """A schedule of arrivals numbered from 0, on the monotonic clock."""

    def due_ns(self, number: int) -> int | None:
        """When that arrival is due; None while the schedule never comes to it."""

    def with_rate(self, rate_per_s: float, now_ns: int) -> Pacer:
        """The same schedule up to now, at another rate from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPacer:
    """The same distance between all arrivals; the first is due at once.

    `arrived` is how much of the schedule lies before `anchor_ns`; its fraction is the part of the next distance that
    has passed already, so that a change of rate makes neither a burst nor a gap."""

    rate_per_s: float
    anchor_ns: int
    arrived: float = 0.0

    def due_ns(self, number: int) -> int | None:
        if self.rate_per_s <= 0:
            return None
        return self.anchor_ns + round((number - self.arrived) * NS_PER_S / self.rate_per_s)

    def with_rate(self, rate_per_s: float, now_ns: int) -> ConstantPacer:
        """Every arrival due before `now_ns` must have been taken: afterwards only later ones are right."""
        passed = max(0, now_ns - self.anchor_ns) * self.rate_per_s / NS_PER_S
        return ConstantPacer(rate_per_s=rate_per_s, anchor_ns=now_ns, arrived=self.arrived + passed)
