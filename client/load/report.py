"""A run's report: the verdict first, then what users saw and what the generator did. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from client.load.plan import Plan
from client.load.summary import InstanceSummary, Latency, Outcome, Summary
from client.load.wire import to_json

SCHEMA = 1
STARTED_SHARE_MIN = 0.99
LAG_MAX_MS = 10.0
"""A generator that sends later than this more often than once in a hundred measures itself."""
BUSY_PERCENT = 90.0


class Verdict(StrEnum):
    """What a run is worth."""

    VALID = "VALID"
    INVALID = "INVALID"
    """The generator did not keep the schedule: the figures say nothing about the server."""
    FAILED = "FAILED"
    """The figures hold, and the service broke a promise: a request failed."""

    @property
    def exit_code(self) -> int:
        """0, 3, 1."""
        return {Verdict.VALID: 0, Verdict.INVALID: 3, Verdict.FAILED: 1}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about one run. `reason` is the sentence behind the verdict."""

    verdict: Verdict
    reason: str
    plan: Plan
    outcome: Outcome

    @property
    def summary(self) -> Summary:
        """The whole run's figures."""
        return self.outcome.total

    @property
    def exit_code(self) -> int:
        """The exit code of the program that ran it."""
        return self.verdict.exit_code


def make_report(plan: Plan, outcome: Outcome) -> Report:
    """The report with its verdict; INVALID beats FAILED."""
    total = outcome.total
    doubt = _generator_fault(outcome)
    if doubt is not None:
        return Report(verdict=Verdict.INVALID, reason=doubt, plan=plan, outcome=outcome)
    if not total.completed and not total.failed:
        return Report(verdict=Verdict.FAILED, reason="no request was due", plan=plan, outcome=outcome)
    if total.failed:
        reason = f"{total.failed} of {total.offered} requests failed"
        return Report(verdict=Verdict.FAILED, reason=reason, plan=plan, outcome=outcome)
    return Report(
        verdict=Verdict.VALID, reason=f"{total.ok} of {total.offered} requests answered", plan=plan, outcome=outcome
    )


def _generator_fault(outcome: Outcome) -> str | None:
    """Cause, figure and next step where the generator did not keep the schedule, else None."""
    total = outcome.total
    cpu = f"generator CPU {outcome.cpu_percent:.0f} %"
    if total.offered:
        ours = outcome.missed if outcome.cpu_percent < BUSY_PERCENT else total.offered - total.started
        if ours > (1 - STARTED_SHARE_MIN) * total.offered:
            reached = total.started / max(outcome.elapsed_s, 1e-9)
            share = 100 * (total.offered - ours) / total.offered
            return f"the generator started {share:.1f} % of what was due ({cpu}): try --rate {_lower(reached)}"
    name, lag_ms = total.lag.generator.tail
    if lag_ms is not None and lag_ms > LAG_MAX_MS:
        reached = total.started / max(outcome.elapsed_s, 1e-9)
        step = f"try --rate {_lower(reached)}" if outcome.cpu_percent >= 50 else "other programs keep it from its time"
        return f"the generator sent late, {name} {lag_ms:.1f} ms where {LAG_MAX_MS:.0f} is allowed ({cpu}): {step}"
    return None


def _lower(rate_per_s: float) -> str:
    return f"{max(1.0, rate_per_s * 0.7):.2g}" if rate_per_s < 100 else str(int(rate_per_s * 0.7) // 10 * 10)


def report_json(report: Report) -> dict[str, Any]:
    """The report for programs, schema 1; latencies in milliseconds, null where there are too few samples."""
    total, outcome = report.summary, report.outcome
    seconds = max(outcome.elapsed_s, 1e-9)
    return {
        "schema": SCHEMA,
        "verdict": report.verdict.value,
        "reason": report.reason,
        "offered_per_s": round(total.offered / seconds, 2),
        "started_per_s": round(total.started / seconds, 2),
        "completed_per_s": round(total.completed / seconds, 2),
        "requests": {"offered": total.offered, "started": total.started, "completed": total.completed, "ok": total.ok},
        "response_ms": to_json(total.response),
        "service_ms": to_json(total.service),
        "errors": total.errors,
        "statuses": total.statuses,
        "instances": [_instance_json(instance) for instance in total.instances],
        "send_lag_ms": to_json(total.lag),
        "generator": {
            "cpu_percent": outcome.cpu_percent,
            "missed": outcome.missed,
            "precise_timer": outcome.precise_timer,
        },
        "began": round(total.since, 3),
        "elapsed_s": round(outcome.elapsed_s, 3),
        "stopped": outcome.stopped,
        "marks": to_json(outcome.marks),
        "plan": to_json(report.plan),
    }


def _instance_json(instance: InstanceSummary) -> dict[str, Any]:
    data: dict[str, Any] = to_json(instance)
    del data["histogram"]
    return data


def report_lines(report: Report) -> list[str]:
    """The report for people."""
    total, outcome, plan = report.summary, report.outcome, report.plan
    seconds = max(outcome.elapsed_s, 1e-9)
    rates = (
        f"offered {total.offered / seconds:.1f}   started {total.started / seconds:.1f}"
        f"   completed {total.completed / seconds:.1f}   ({total.ok} of {total.offered} good)"
    )
    return [
        f"{report.verdict}: {report.reason}"
        + ("   (stopped before its end)" if outcome.stopped and plan.duration_s else ""),
        f"  {plan.url}   open loop, {plan.model} {plan.rate_per_s:g}/s, {outcome.elapsed_s:.1f} s, seed {plan.seed}",
        f"  requests/s {rates}",
        f"  {'ms':<10}" + "".join(f"{name:>9}" for name in ("p50", "p90", "p99", "p99.9", "max")),
        f"  {'response':<10}{_figures(total.response)}   from the instant each was due",
        f"  {'service':<10}{_figures(total.service)}   from the instant each was sent",
        f"  send lag   waited for a connection {_tail(total.lag.connection)}; generator late "
        f"{_tail(total.lag.generator)}, its CPU {outcome.cpu_percent:.0f} %"
        + ("" if outcome.precise_timer else " (this system has no precise timer)"),
        "  errors     " + (", ".join(f"{name} {count}" for name, count in total.errors.items()) or "none"),
        *_instance_lines(total.instances),
    ]


def _instance_lines(instances: tuple[InstanceSummary, ...]) -> list[str]:
    if not instances:
        return []
    return [
        f"  {'instance':<20} {'type':<10} {'host':<8}{'shard':>5}{'answered':>10}{'late':>6}{'errors':>7}"
        f"{'p50 ms':>9}{'p99 ms':>9}",
        *(
            f"  {one.id:<20} {one.type:<10} {one.host:<8}{one.shard:>5}{one.answered:>10}{one.late:>6}{one.errors:>7}"
            f"{_ms(one.latency.p50):>9}{_ms(one.latency.p99):>9}"
            for one in instances
        ),
    ]


def _figures(latency: Latency) -> str:
    return "".join(f"{_ms(value):>9}" for value in (latency.p50, latency.p90, latency.p99, latency.p999, latency.max))


def _tail(latency: Latency) -> str:
    name, value = latency.tail
    return f"{name} {_ms(value)} ms"


def _ms(value: float | None) -> str:
    """Milliseconds with a figure or two behind the point; "-" where there are too few samples to say."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
