"""Who had which share: targets, hosts, instances."""

from __future__ import annotations

from client.load.histogram import merged
from client.load.report.page.figures import cell
from client.load.report.page.table import table
from client.load.report.report import Report
from client.load.summary import InstanceSummary, Latency, latency_of
from vmhost.base.markup import Html, fill, join

INSTANCES_MAX = 200
_SECTION = """<section>
<h3>Who answered</h3>
{parts}
</section>"""
_TIMES = ("p50 ms", "p99 ms", "max ms")
_ATTEMPTS = ("answered", "late", "failed", "overtaken")
_NOTE = Html(
    '<p class="note">Attempts as the front end reports them in Server-Timing; their times are from the front end\'s'
    " send. An attempt is overtaken when another one to the same shard answered first.</p>"
)


def breakdown(report: Report) -> Html:
    """The section."""
    instances = report.summary.instances
    parts = [_targets(report)]
    if instances:
        parts += [_hosts(instances), _instances(instances), _NOTE]
    else:
        parts.append(Html('<p class="note">No response named its instance (Server-Timing).</p>'))
    return fill(_SECTION, parts=join(parts, "\n"))


def _targets(report: Report) -> Html:
    targets = report.summary.targets
    if not targets:
        return Html('<p class="note">All requests had one target.</p>') if report.plan.targets else Html("")
    urls = [f"{target.method} {target.url}" for target in report.plan.targets]
    if report.plan.script is not None:
        urls = ["the whole flow", *["a step of it"] * (len(targets) - 1)]
    return table(
        "Targets",
        ("target", "request", "good", "failed", *_TIMES, "service p99 ms"),
        (
            [one.name, url, f"{one.ok:,}", f"{one.failed:,}", *_times(one.response),
             cell(one.service.p99, "p99", one.service.count)]
            for one, url in zip(targets, urls, strict=True)
        ),
        words=2,
    )  # fmt: skip


def _hosts(instances: tuple[InstanceSummary, ...]) -> Html:
    by_host = {host: [one for one in instances if one.host == host] for host in sorted({one.host for one in instances})}
    return table(
        "Hosts",
        ("host", "instances", *_ATTEMPTS, *_TIMES),
        (
            [host or "unknown", f"{len(ones):,}", *_attempts(*ones),
             *_times(latency_of(merged(one.histogram for one in ones)))]
            for host, ones in by_host.items()
        ),
    )  # fmt: skip


def _instances(instances: tuple[InstanceSummary, ...]) -> Html:
    shown = sorted(instances, key=lambda one: -one.answered)[:INSTANCES_MAX]
    shown.sort(key=lambda one: (one.host, one.shard, one.id))
    result = table(
        "Instances",
        ("instance", "type", "host", "shard", *_ATTEMPTS, *_TIMES),
        ([one.id, one.type, one.host, one.shard, *_attempts(one), *_times(one.latency)] for one in shown),
        words=3,
    )
    rest = len(instances) - len(shown)
    if rest:
        result = join([result, fill('<p class="note">and {rest} more, which answered fewer.</p>', rest=f"{rest:,}")])
    return result


def _attempts(*ones: InstanceSummary) -> list[str]:
    sums = (
        sum(one.answered for one in ones), sum(one.late for one in ones), sum(one.errors for one in ones),
        sum(one.lost for one in ones),
    )  # fmt: skip
    return [f"{count:,}" for count in sums]


def _times(latency: Latency) -> list[Html]:
    return [
        cell(latency.p50, "p50", latency.count),
        cell(latency.p99, "p99", latency.count),
        cell(latency.max, "max", latency.count),
    ]
