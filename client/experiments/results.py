"""What experiments are to do and what they measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from client.experiments.cpu_isolation import Isolation
from client.load.summary import Summary
from client.verdicts import Judgement, WorstVictim, worst_victim
from server.api.timing import RequestTrace
from vmhost.api.views import InstanceView
from vmhost.base.ids import short_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
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
    being asked by the front end. `window` is the whole account, from the kill to two seconds after its replacement;
    `before` are the ten seconds before the kill, `during` lasts until the replacement, `after` are those two seconds.
    A window is None where no load was sent throughout."""

    instance_id: str
    replacement_id: str | None
    seen_s: float | None
    replaced_s: float | None
    window: Summary | None
    judgement: Judgement
    alone: bool = False
    """It belongs to no fleet, so nothing replaces it."""
    before: Summary | None = None
    during: Summary | None = None
    after: Summary | None = None

    @property
    def worst_victim(self) -> WorstVictim | None:
        """Who of the others suffered most."""
        return worst_victim(self.instance_id, before=self.before, during=self.during, after=self.after)


class Stage(StrEnum):
    """Where a CPU hog experiment is."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


HOG_RATE = 200.0
HOG_S = 8.0
WORKERS_PER_VCPU = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class HogPlan:
    """How long and how hard: below 30 s in all. A p99 takes 1,000 attempts of the others in each window."""

    rate_per_s: float = HOG_RATE
    before_s: float = 8.0
    hog_s: float = HOG_S
    after_s: float = 5.0
    workers_per_vcpu: int = WORKERS_PER_VCPU


@dataclass(frozen=True, slots=True, kw_only=True)
class HogProgress:
    """How far a CPU hog has come, for those who watch."""

    victim: InstanceView
    stage: Stage
    plan: HogPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class HogResult:
    """What was measured in the three windows, and whether the hog's neighbors were isolated from it."""

    instance_id: str
    before: Summary
    during: Summary
    after: Summary
    isolation: Isolation

    @property
    def lost(self) -> int:
        """Requests that failed beside the hog; a replica should have answered them."""
        return self.during.failed

    @property
    def judgement(self) -> Judgement:
        """The verdict and what clients noticed of it, in one sentence."""
        before, during, _ = self.others_p99_ms()
        felt = (
            "too few requests for a p99" if before is None or during is None else f"p99 {before:.1f} -> {during:.1f} ms"
        )
        clients = f"clients of the other instances: {felt}, {self.lost} lost"
        return Judgement(held=self.isolation.held, sentence=f"{self.isolation.sentence}; {clients}")

    def others_p99_ms(self) -> tuple[float | None, float | None, float | None]:
        """The other instances' p99 before, during and after."""
        windows = (self.before, self.during, self.after)
        before, during, after = (window.others(self.instance_id).p99 for window in windows)
        return before, during, after

    @property
    def worst_victim(self) -> WorstVictim | None:
        """Which of the others became slower by most, as clients saw it."""
        return worst_victim(self.instance_id, before=self.before, during=self.during, after=self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An experiment that came to no result, and why."""

    kind: str
    instance_id: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the session's experiment of that number, for everybody who watches; `by`: who asked for it.

    The last step of each is a result or a failure."""

    number: int
    by: str
    what: KillProgress | KillResult | HogProgress | HogResult | Failure


def verdict_json(result: KillResult | HogResult, shorts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The verdict for programs: of a kill its times, of both what was lost and how the others fared.

    `windows` holds the others' p99 in milliseconds before, during and after; `worst` is the instance that became slower
    by most, by its highest percentile that the samples carry. Null is what is not known: `lost` and `requests` where no
    load was sent, the times of a hog, figures of too few samples. `isolation` is a hog's: its outcome, the hog's CPU
    and that of its neighbors. `shorts` are the short ids that are shown elsewhere."""
    kill = isinstance(result, KillResult)
    counted = result.window if isinstance(result, KillResult) else result.during
    windows = {"before": result.before, "during": result.during, "after": result.after}
    worst = result.worst_victim
    isolation = result.isolation if isinstance(result, HogResult) else None
    named = {result.instance_id, *([] if worst is None else [worst.instance_id])}
    named |= {row.instance_id for row in isolation.neighbors} if isolation else set()
    shown = {**short_ids(sorted(named)), **(shorts or {})}
    return {
        "kind": "kill" if kill else "hog",
        "instance_id": result.instance_id,
        "short": shown[result.instance_id],
        "replacement_id": result.replacement_id if isinstance(result, KillResult) else None,
        "seen_s": result.seen_s if isinstance(result, KillResult) else None,
        "replaced_s": result.replaced_s if isinstance(result, KillResult) else None,
        "alone": isinstance(result, KillResult) and result.alone,
        "lost": None if counted is None else counted.failed,
        "requests": None if counted is None else counted.offered,
        "held": result.judgement.held,
        "sentence": shortened(result.judgement.sentence, shown),
        "worst": worst and {"short": shown[worst.instance_id], **asdict(worst)},
        "windows": {
            name: None if window is None else window.others(result.instance_id).p99 for name, window in windows.items()
        },
        "isolation": isolation and _isolation_json(isolation, shown),
    }


def _isolation_json(isolation: Isolation, shown: Mapping[str, str]) -> dict[str, Any]:
    return {
        "outcome": isolation.outcome.value,
        "sentence": shortened(isolation.sentence, shown),
        "hog": isolation.hog and asdict(isolation.hog),
        "neighbors": [{**asdict(row), "short": shown[row.instance_id]} for row in isolation.neighbors],
        "pairs": [{"culprit": culprit, "victim": victim} for culprit, victim in isolation.pairs],
    }


def shortened(sentence: str, shorts: Mapping[str, str]) -> str:
    """The sentence with short ids in place of whole ones."""
    for whole, short in shorts.items():
        sentence = sentence.replace(whole, short)
    return sentence
