"""What an experiment reports, in the same shape for each: its progress, then a result or a failure. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from client.load.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure before, during and after the fault; None where it was not measured or has no meaning."""

    label: str
    unit: str = ""
    """"s", "ms", "cores"; empty for a count."""
    before: float | None = None
    during: float | None = None
    after: float | None = None
    instance_id: str = ""
    """The instance that the figure is about; empty for the service as a whole."""
    bad: bool = False
    """Whether the figure counts against the service or its isolation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The stage of a running experiment."""

    action: str
    """What was done; follows the name of the user: "killed i-0a12"."""
    stage: str
    """What is known and what happens now: "noticed after 0.1 s; waiting for its replacement"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, and the verdict. Texts contain whole instance ids; see `shortened`."""

    experiment: str
    instance_id: str
    action: str
    """What was done; follows the name of the user: "killed i-0a12"."""
    account: str
    """What happened then, in one line."""
    verdict: str
    """Such as "passed" or "isolated"; "inconclusive" where nothing can be said."""
    held: bool | None
    """Whether the verdict is good; None if it is inconclusive."""
    reason: str
    """Why this is the verdict."""
    rows: tuple[Row, ...] = ()
    problems: tuple[str, ...] = ()
    """What the service failed to do, beside lost requests."""
    phases: Mapping[str, Summary] = field(default_factory=dict)
    """The load in each phase, by the phase's name."""

    @property
    def sentence(self) -> str:
        """Verdict and reason."""
        return f"{self.verdict}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an experiment ended without a result."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an experiment, published to everything that shows it. The last step is a result or a failure.

    `number` counts the session's experiments; `by` says who started this one: "the terminal", "the console"."""

    number: int
    by: str
    experiment: str
    title: str
    instance_id: str
    ends_instance: bool
    """Whether the end of the instance is part of the experiment."""
    what: Progress | Result | Failure

    @property
    def running(self) -> bool:
        """Whether the experiment goes on after this step."""
        return isinstance(self.what, Progress)


def step_json(step: Step, shorts: Mapping[str, str]) -> dict[str, Any]:
    """Return a step as JSON, with short ids in texts.

    `sentence` says where the experiment is, or its verdict and reason, or why it failed. Only a result has a `verdict`
    and `rows`; figures that were not measured are null."""
    base = {
        "id": step.number,
        "by": step.by,
        "experiment": step.experiment,
        "title": step.title,
        "instance_id": step.instance_id,
        "short": shorts.get(step.instance_id, step.instance_id),
        "running": step.running,
        "held": None,
    }
    match step.what:
        case Progress(stage=stage):
            return {**base, "sentence": shortened(stage, shorts)}
        case Failure(error=error):
            return {**base, "sentence": shortened(error, shorts)}
        case Result() as result:
            return {**base, **result_json(result, shorts)}


def result_json(result: Result, shorts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a result as JSON; texts contain short ids if `shorts` are given."""
    shorts = shorts or {}
    return {
        "experiment": result.experiment,
        "instance_id": result.instance_id,
        "account": shortened(f"{result.action}: {result.account}", shorts),
        "verdict": result.verdict,
        "held": result.held,
        "reason": shortened(result.reason, shorts),
        "sentence": shortened(result.sentence, shorts),
        "rows": [{**asdict(row), "label": shortened(row.label, shorts)} for row in result.rows],
    }


def shortened(sentence: str, shorts: Mapping[str, str]) -> str:
    """Return the sentence with short ids instead of whole ones."""
    for whole, short in shorts.items():
        sentence = sentence.replace(whole, short)
    return sentence
