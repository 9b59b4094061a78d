"""What experiments are to do and what they measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from client.load.summary import Summary
from client.verdicts import Judgement
from server.api.timing import RequestTrace
from vmhost.api.views import InstanceView


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search brought, and its way."""

    query: str
    total: int
    titles: tuple[str, ...]
    partial: bool
    trace: RequestTrace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillProgress:
    """How far a kill has come, for those who watch."""

    victim: InstanceView
    seen_s: float | None = None
    replaced_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillResult:
    """What was measured. Seconds count from the kill; None where it did not happen within its deadline.

    `seen_s`: the platform told that the instance was no longer running. `replaced_s`: another one in its place was
    being asked by the front end."""

    instance_id: str
    replacement_id: str | None
    seen_s: float | None
    replaced_s: float | None
    window: Summary
    judgement: Judgement


class Stage(StrEnum):
    """Where a hog is in its course."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


HOG_RATE = 200.0
HOG_S = 10.0
WORKERS_PER_VCPU = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class HogPlan:
    """How long and how hard. The windows must hold 1,000 of the others' attempts for a p99 that means something."""

    rate_per_s: float = HOG_RATE
    before_s: float = 8.0
    hog_s: float = HOG_S
    after_s: float = 8.0
    workers_per_vcpu: int = WORKERS_PER_VCPU


@dataclass(frozen=True, slots=True, kw_only=True)
class HogResult:
    """What was measured in the three windows."""

    instance_id: str
    before: Summary
    during: Summary
    after: Summary
    judgement: Judgement

    @property
    def lost(self) -> int:
        """Requests that failed while it hogged; whose replica should have answered them."""
        return self.during.failed

    def others_p99_ms(self) -> tuple[float | None, float | None, float | None]:
        """The others' p99 before, during and after."""
        windows = (self.before, self.during, self.after)
        before, during, after = (window.others(self.instance_id).p99 for window in windows)
        return before, during, after
