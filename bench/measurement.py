"""A measured number beside its target, and how it is printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class MissingPrerequisite(Exception):
    """This computer lacks something that the benchmark needs; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number, its target, and whether it meets the target (None: it has no target)."""

    name: str
    value: str
    target: str = ""
    met: bool | None = None
    detail: str = ""

    def line(self) -> str:
        """The measurement as a line of the report."""
        mark = {True: "met   ", False: "MISSED", None: "      "}[self.met]
        target = f"  target {self.target}" if self.target else ""
        detail = f"  ({self.detail})" if self.detail else ""
        return f"{mark} {self.name}: {self.value}{target}{detail}"


def at_most(name: str, value: float, bound: float, unit: str, detail: str = "") -> Measurement:
    """A measurement whose target is an upper bound."""
    return Measurement(
        name=name, value=f"{value:.3g} {unit}", target=f"<= {bound:g} {unit}", met=value <= bound, detail=detail
    )


def at_least(name: str, value: float, bound: float, unit: str, detail: str = "") -> Measurement:
    """A measurement whose target is a lower bound."""
    return Measurement(
        name=name, value=f"{value:.3g} {unit}", target=f">= {bound:g} {unit}", met=value >= bound, detail=detail
    )


def spread(values: Sequence[float], unit: str = "") -> str:
    """Smallest, median and largest value as text."""
    return f"{min(values):.3g} / {statistics.median(values):.3g} / {max(values):.3g} {unit}".rstrip()
