"""The results of a sweep as text and as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from client.load.plan.model import Plan
from client.load.plan.plan_json import redacted_plan_json
from client.load.report.sweep_plot import plot_lines
from client.load.run_report import Environment
from client.load.sweep import Sweep, SweepStep
from client.terminal.plain_text import milliseconds

SCHEMA = 1
HEADINGS = ("offered/s", "completed/s", "errors", "p50 ms", "p99 ms", "max ms", "service p99")


def sweep_lines(sweep: Sweep) -> list[str]:
    """Returns the lines: the knee, the table and the plot."""
    if not sweep.steps:
        return [f"nothing was measured: {sweep.reason}"]
    power = sweep.power_peak
    return [
        headline(sweep),
        f"  {sweep.reason}",
        *([f"  power (throughput / mean response time) is highest at {power.rate_per_s:g}/s"] if power else []),
        "  " + "".join(f"{heading:>12}" for heading in HEADINGS),
        *(
            f"  {''.join(f'{cell:>12}' for cell in row_of(sweep, step))}   {note(sweep, step)}"
            for step in sweep.by_rate
        ),
        *plot_lines(sweep),
    ]


def headline(sweep: Sweep) -> str:
    """Names the knee in a sentence."""
    knee = sweep.knee
    if knee is None:
        return "no knee found"
    return f"the knee is at {knee.rate_per_s:g}/s, where {sweep.tail} is {milliseconds(sweep.tail_ms(knee))} ms"


def step_line(sweep: Sweep, step: SweepStep) -> str:
    """Returns the line that is printed when a step has ended."""
    tail = f"{sweep.tail} {milliseconds(sweep.tail_ms(step))} ms"
    words = ": ".join(word for word in (sweep.health(step).value, sweep.why(step)) if word)
    return f"{step.rate_per_s:>9g}/s  completed {sweep.kept_per_s(step):.1f}/s  {tail}  {words}"


def row_of(sweep: Sweep, step: SweepStep) -> tuple[str, ...]:
    """Returns the cells of the row of a step."""
    response = step.response
    return (
        f"{step.rate_per_s:g}",
        f"{sweep.kept_per_s(step):.1f}",
        f"{100 * step.error_share:.2g} %",
        *(milliseconds(value) for value in (response.p50, response.p99, response.max, step.service.p99)),
    )


def note(sweep: Sweep, step: SweepStep) -> str:
    """Returns what is special about a step, for the last column."""
    if step is sweep.knee:
        return "the knee"
    return ": ".join(word for word in (sweep.health(step).value, sweep.why(step)) if word)


def sweep_json(sweep: Sweep, plan: Plan, environment: Environment | None) -> dict[str, Any]:
    """Returns the sweep, schema 1: `knee_per_s`, `broken_per_s` and `power_per_s` (or null), `reason`,
    `tail` (the percentile that judges the steps) and `steps` by rising rate: `rate_per_s`, `offered_per_s`,
    `completed_per_s` (including the time that the last requests took), `error_share`, `response_ms`, `service_ms`,
    `generator_cpu_percent`, `health` (good, slow, broken, unknown) and `why`. `plan` is that of the lowest rate."""
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "knee_per_s": _rate(sweep.knee),
        "broken_per_s": _rate(sweep.broken),
        "power_per_s": _rate(sweep.power_peak),
        "reason": sweep.reason,
        "tail": sweep.tail,
        "range": to_builtins(sweep.range),
        "steps": [_step(sweep, step) for step in sweep.by_rate],
        "environment": to_builtins(environment),
        "plan": redacted_plan_json(plan),
    }


def _step(sweep: Sweep, step: SweepStep) -> dict[str, Any]:
    return {
        "rate_per_s": step.rate_per_s,
        "offered_per_s": round(step.offered / step.seconds, 2),
        "completed_per_s": round(sweep.kept_per_s(step), 2),
        "error_share": round(step.error_share, 6),
        "response_ms": to_builtins(step.response),
        "service_ms": to_builtins(step.service),
        "generator_cpu_percent": step.cpu_percent,
        "health": sweep.health(step).value,
        "why": sweep.why(step),
    }


def _rate(step: SweepStep | None) -> float | None:
    return None if step is None else step.rate_per_s
