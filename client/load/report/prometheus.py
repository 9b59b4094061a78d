"""A run in Prometheus' text format, 0.0.4.

Everything counts from the start of the run, without the warm-up. The name of a plan becomes the label `tenant`. If a
plan has several targets, there is a series for each of them with the label `target`, and none for all together: that is
the sum over the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from client.load.histogram import Histogram, bucket_of
from client.load.plan.model import Plan
from client.load.run_result import Snapshot
from client.load.summary import Summary, TargetSummary

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS_MS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
"""Upper bounds of the buckets. A sample up to 0.1 % above a bound may count as below it."""

Labels = dict[str, str]
Sample = tuple[str, Labels, float]
"""The suffix of the metric's name, the labels, the value."""


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric with the samples of one run; `name` is without the common prefix."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def prometheus_text(runs: Sequence[tuple[Snapshot, Plan]]) -> str:
    """Returns the metrics of runs at the time of their snapshots; the plans of several runs have different names."""
    each = (_metrics(snapshot, {"tenant": plan.name} if plan.name else {}) for snapshot, plan in runs)
    return "".join(f"{line}\n" for same in zip(*each, strict=True) for line in _lines(same))


def _metrics(snapshot: Snapshot, tenant: Labels) -> Iterator[_Metric]:
    total = snapshot.total
    parts = _parts(total, tenant)

    for name, kind, text, value in (
        ("offered_total", "counter", "Requests that were due.", total.offered),
        ("started_total", "counter", "Requests that were sent, without hedges.", total.started),
        ("hedges_total", "counter", "Requests that were sent a second time.", total.hedged),
        ("hedges_won_total", "counter", "Second requests that got the first response.", total.hedges_won),
        ("received_bytes_total", "counter", "Bytes received.", total.received_bytes),
        ("in_flight", "gauge", "Requests that wait for their response.", snapshot.in_flight),
        ("waiting", "gauge", "Requests that are due and wait for a connection.", snapshot.waiting),
        ("rate_per_second", "gauge", "The target arrival rate; 0 in a closed loop.", snapshot.rate_per_s),
        ("generator_cpu_ratio", "gauge", "CPU of the busiest generator process, 1 for a whole core.",
         snapshot.cpu_percent / 100),
    ):  # fmt: skip
        yield _Metric(name, kind, text, [("", tenant, value)])
    yield _Metric(
        "completed_total", "counter", "Requests that got a response, good or bad.",
        [("", labels, part.completed) for labels, part in parts],
    )  # fmt: skip
    yield _Metric(
        "ok_total", "counter", "Requests that got a good response.", [("", labels, part.ok) for labels, part in parts]
    )
    yield _Metric(
        "errors_total", "counter", "Requests that ended in an error, by class of error.",
        [("", {**labels, "class": name}, count) for labels, part in parts for name, count in part.errors.items()],
    )  # fmt: skip
    yield _Metric(
        "answers_total", "counter", "Responses by HTTP status.",
        [("", {**tenant, "status": status}, count) for status, count in total.statuses.items()],
    )  # fmt: skip
    yield _Metric(
        "response_seconds", "histogram", "Time from the moment each request was due; a timeout counts with its age.",
        [sample for labels, part in parts for sample in _distribution(labels, part.response_histogram)],
    )  # fmt: skip
    yield _Metric(
        "service_seconds", "histogram", "Time from the moment each request was sent, for good responses.",
        [sample for labels, part in parts for sample in _distribution(labels, part.service_histogram)],
    )  # fmt: skip


def _lines(same: tuple[_Metric, ...]) -> Iterator[str]:
    """Returns the text of one metric for all runs."""
    metric = same[0]
    name = f"glasscloud_load_{metric.name}"
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for run in same:
        for suffix, labels, value in run.samples:
            yield f"{name}{suffix}{_labels(labels)} {value}"


def _parts(total: Summary, tenant: Labels) -> list[tuple[Labels, Summary | TargetSummary]]:
    if not total.targets:
        return [(tenant, total)]
    return [({**tenant, "target": target.name}, target) for target in total.targets]


def _distribution(labels: Labels, histogram: Histogram) -> Iterator[Sample]:
    rest = sorted(histogram.counts.items(), reverse=True)
    below = 0
    for bound_ms in BOUNDS_MS:
        last = bucket_of(round(bound_ms * 1000))
        while rest and rest[-1][0] <= last:
            below += rest.pop()[1]
        yield "_bucket", {**labels, "le": f"{bound_ms / 1000:g}"}, below
    yield "_bucket", {**labels, "le": "+Inf"}, histogram.total
    yield "_sum", labels, histogram.sum_us / 1e6
    yield "_count", labels, histogram.total


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
