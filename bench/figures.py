"""A measured figure beside its promise, and how a table of them is printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class Missing(Exception):
    """This machine lacks what the benchmark needs; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, what was promised of it, and whether the promise held (None: nothing was promised)."""

    name: str
    value: str
    promise: str = ""
    kept: bool | None = None
    detail: str = ""

    def line(self) -> str:
        """The figure as a line of the report."""
        mark = {True: "kept  ", False: "BROKEN", None: "      "}[self.kept]
        promise = f"  promised {self.promise}" if self.promise else ""
        detail = f"  ({self.detail})" if self.detail else ""
        return f"{mark} {self.name}: {self.value}{promise}{detail}"


def at_most(name: str, value: float, bound: float, unit: str, detail: str = "") -> Figure:
    """A figure whose promise is an upper bound."""
    return Figure(
        name=name, value=f"{value:.3g} {unit}", promise=f"<= {bound:g} {unit}", kept=value <= bound, detail=detail
    )


def at_least(name: str, value: float, bound: float, unit: str, detail: str = "") -> Figure:
    """A figure whose promise is a lower bound."""
    return Figure(
        name=name, value=f"{value:.3g} {unit}", promise=f">= {bound:g} {unit}", kept=value >= bound, detail=detail
    )


def spread(values: Sequence[float], unit: str = "") -> str:
    """Smallest, median and largest in words."""
    return f"{min(values):.3g} / {statistics.median(values):.3g} / {max(values):.3g} {unit}".rstrip()
