"""The report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from client.load.examples import FailureExample
from client.load.run_report import Report
from client.load.summary import InstanceSummary, Latency, TargetSummary
from client.terminal.plain_text import milliseconds

SHOWN_MAX = 4
_REQUEST_LINES_MAX = 12
_RESPONSE_LINES_MAX = 20
_COLUMNS_MAX = 160


def text_report(report: Report) -> list[str]:
    """Returns the lines: the verdict, then what users experienced and what the generator did."""
    total, result, plan, seconds = report.summary, report.result, report.plan, report.seconds
    early = result.stopped and plan.duration_s is not None
    rates = (
        f"offered {total.offered / seconds:.1f}  started {total.started / seconds:.1f}"
        f"  completed {total.completed / seconds:.1f}  ({total.ok} good)"
    )
    return [
        f"{report.verdict}: {report.reason}" + ("   (stopped early)" if early else ""),
        f"  {_what(report)}",
        f"  {report.model}, {result.elapsed_s:.1f} s, seed {plan.seed}"
        + (f" (without the first {plan.warm_up_s:g} s)" if plan.warm_up_s else ""),
        f"  per second {rates}",
        f"  {'ms':<9}" + "".join(f"{name:>9}" for name in ("p50", "p90", "p99", "p99.9", "p99.99", "max")) + "   from",
        *_times(report),
        f"  errors     {_counts(total.errors) or 'none'}",
        *(f"  messages   {text} ({count})" for text, count in total.messages.items()),
        *_thresholds(report),
        *([f"  resent     {total.resent}: the server had closed an idle connection"] if total.resent else []),
        *([f"  hedged     {_hedges(report)}"] if total.hedged else []),
        *_target_lines(total.targets),
        *_instance_lines(total.instances),
        *example_lines(result.examples, total.errors),
    ]


def _what(report: Report) -> str:
    plan = report.plan
    name = f"{plan.name}: " if plan.name else ""
    if plan.script is not None:
        return f"{name}{plan.script} of {plan.base}"
    more = f" and {len(plan.targets) - 1} more" if len(plan.targets) > 1 else ""
    return f"{name}{plan.targets[0].url}{more}"


def _times(report: Report) -> list[str]:
    total, result = report.summary, report.result
    cpu = f"its CPU {result.cpu_percent:.0f} %"
    if report.plan.closed is not None:
        return [
            f"  {'response':<9}{_figures(total.response)}   sent (closed loop)",
            f"  generator  {cpu}" + ("; the generator was the limit" if report.assessment.generator_bound else ""),
        ]
    late = _tail(total.lag.generator) + ("" if result.precise_timer else " (this system has no precise timer)")
    return [
        f"  {'response':<9}{_figures(total.response)}   due",
        f"  {'service':<9}{_figures(total.service)}   sent",
        f"  send lag   waiting for a connection {_tail(total.lag.connection)}",
        f"             generator late {late}, {cpu}",
    ]


def _thresholds(report: Report) -> list[str]:
    marks = {True: "holds", False: "BROKEN", None: "cannot be judged"}
    return [
        f"  threshold  {each.text}: {marks[each.held]}, {each.measured}"
        for each in report.assessment.thresholds
        if report.plan.thresholds
    ]


def _hedges(report: Report) -> str:
    total = report.summary
    share = 100 * total.hedged / max(1, total.started)
    return f"{total.hedged} requests sent twice ({share:.1f} % more load); the second won {total.hedges_won} times"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _target_lines(targets: tuple[TargetSummary, ...]) -> list[str]:
    if not targets:
        return []
    return [
        f"  {'target':<30} {'good':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}",
        *(
            f"  {one.name[:30]:<30} {one.ok:>9}{one.failed:>8}"
            + "".join(f"{milliseconds(ms):>9}" for ms in (one.response.p50, one.response.p99, one.response.max))
            for one in targets
        ),
    ]


def _instance_lines(instances: tuple[InstanceSummary, ...]) -> list[str]:
    if not instances:
        return []
    return [
        f"  {'instance':<20} {'type':<9} {'host':<7}{'shard':>5}{'answered':>9}{'late':>5}{'failed':>7}"
        f"{'p50 ms':>8}{'p99 ms':>8}",
        *(
            f"  {one.id:<20} {one.type:<9} {one.host:<7}{one.shard:>5}{one.answered:>9}{one.late:>5}{one.errors:>7}"
            f"{milliseconds(one.latency.p50):>8}{milliseconds(one.latency.p99):>8}"
            for one in instances
        ),
    ]


def _figures(latency: Latency) -> str:
    shown = (latency.p50, latency.p90, latency.p99, latency.p999, latency.p9999, latency.max)
    return "".join(f"{milliseconds(value):>9}" for value in shown)


def _tail(latency: Latency) -> str:
    name, value = latency.tail
    return f"{name} {milliseconds(value)} ms"


def example_lines(examples: Sequence[FailureExample], errors: Mapping[str, int]) -> list[str]:
    """Returns one example of each kind, the most frequent errors first, and the number of kinds left out."""
    first: dict[object, FailureExample] = {}
    for example in examples:
        first.setdefault(example.kind, example)
    ordered = sorted(first.values(), key=lambda example: -errors.get(example.fault, 0))
    lines = [line for example in ordered[:SHOWN_MAX] for line in _example(example)]
    if (more := len(ordered) - SHOWN_MAX) > 0:
        lines.append(f"  and {more} more kinds of failure; --report and --json show them")
    return lines


def _example(example: FailureExample) -> Iterator[str]:
    error, *traceback = example.error.split("\n")
    yield f"  example of {example.fault}: {example.target}, after {example.took_ms:.1f} ms: {error}"
    yield from (f"    {line}" for line in traceback)
    yield from marked_lines(">", example.request, _REQUEST_LINES_MAX)
    yield from marked_lines("<", example.response, _RESPONSE_LINES_MAX)


def marked_lines(mark: str, text: str, lines_max: int) -> Iterator[str]:
    """Yields the lines of the text behind a mark; cuts long lines and all after the first `lines_max`."""
    lines = text.split("\n") if text else []
    for line in lines[:lines_max]:
        cut = line if len(line) <= _COLUMNS_MAX else f"{line[: _COLUMNS_MAX - 1]}…"
        yield f"    {mark} {cut}".rstrip()
    if (more := len(lines) - lines_max) > 0:
        yield f"    {mark} … and {more} more lines"
