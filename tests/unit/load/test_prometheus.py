"""A run in Prometheus' text format, read with its own parser."""

from __future__ import annotations

import pytest

from client.load.histogram import Histogram
from client.load.interval_stats import GOOD, IntervalStats
from client.load.metrics import Metrics
from client.load.plan.model import OpenLoop, Plan, Target
from client.load.report.prometheus import BOUNDS_MS, prometheus_text
from client.load.run_result import Snapshot
from client.load.schedule import NS_PER_S
from client.load.summary import Fault, Latency

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

pytestmark = pytest.mark.skipif(
    text_string_to_metric_families is None, reason="the prometheus_client library is not installed here"
)

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def plan(name: str = "", targets: tuple[str, ...] = ("",)) -> Plan:
    made = tuple(Target(url="http://127.0.0.1:1/", name=each) for each in targets)
    return Plan(name=name, targets=made, open=OpenLoop(rate_per_s=100))


def snapshot(endings: dict[tuple[int, int, str], list[int]], targets: tuple[str, ...] = ("",)) -> Snapshot:
    stats = IntervalStats(0, NS_PER_S)
    stats.hedged, stats.hedges_won, stats.received_bytes = 3, 2, 12_345
    for ending, times_us in endings.items():
        for time_us in times_us:
            stats.record_arrival()
            stats.record_sent(0, 0)
            stats.record_outcome(ending, time_us, time_us - 100)
    metrics = Metrics(1_700_000_000.0, targets=targets)
    metrics.add(stats)
    total = metrics.total(1.0)
    return Snapshot(
        at=metrics.began, elapsed_s=1.0, rate_per_s=99.5, in_flight=4, waiting=5, cpu_percent=62.5, processes=2,
        total=total, recent=total, moment=total, minute=Latency(), last=None, slowest=None, marks=(), timeline=(),
    )  # fmt: skip


def parsed(text: str) -> Series:
    series: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        for sample in family.samples:
            key = sample.name.removeprefix("glasscloud_load_"), frozenset(sample.labels.items())
            assert key not in series
            series[key] = sample.value
    return series


def told(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def test_prometheus_parser_finds_the_figures() -> None:
    endings = {(0, 200, GOOD): [1000, 3000], (0, 503, Fault.SERVER_ERROR): [500], (0, 0, Fault.TIMEOUT): [2_000_000]}
    series = parsed(prometheus_text([(snapshot(endings), plan())]))
    plain = {name: value for (name, labels), value in series.items() if not labels}
    assert plain == {
        "offered_total": 4, "started_total": 4, "completed_total": 3, "ok_total": 2, "hedges_total": 3,
        "hedges_won_total": 2, "received_bytes_total": 12_345, "in_flight": 4, "waiting": 5, "rate_per_second": 99.5,
        "generator_cpu_ratio": 0.625, "response_seconds_count": 3, "response_seconds_sum": 2.004,
        "service_seconds_count": 2, "service_seconds_sum": 0.0038,
    }  # fmt: skip
    assert told(series, "errors_total", **{"class": "timeout"}) == 1
    assert told(series, "errors_total", **{"class": "5xx"}) == 1
    assert told(series, "answers_total", status="200") == 2
    assert told(series, "answers_total", status="503") == 1


def test_buckets_are_cumulative() -> None:
    times_us = [499, 500, 501, 5000, 5001, 2_000_000, 2_100_000, 61_000_000]
    series = parsed(prometheus_text([(snapshot({(0, 200, GOOD): times_us}), plan())]))
    below = {
        f"{bound / 1000:g}": told(series, "response_seconds_bucket", le=f"{bound / 1000:g}") for bound in BOUNDS_MS
    }
    # 5,001 us lie in the bucket of 5,000: its three digits are the histogram's.
    assert [below[le] for le in ("0.0005", "0.001", "0.005", "1", "2", "5", "60")] == [2, 3, 5, 5, 6, 7, 7]
    assert list(below.values()) == sorted(below.values())
    assert told(series, "response_seconds_bucket", le="+Inf") == told(series, "response_seconds_count") == 8


def test_zeros_before_the_first_response() -> None:
    series = parsed(prometheus_text([(snapshot({}), plan())]))
    assert told(series, "ok_total") == told(series, "response_seconds_sum") == 0
    assert told(series, "response_seconds_bucket", le="60") == 0
    assert not [name for name, _ in series if name in {"errors_total", "answers_total"}]


def test_targets_are_separate_series() -> None:
    names = ("search", "home")
    measured = snapshot({(0, 200, GOOD): [1000] * 3, (1, 200, GOOD): [2000], (1, 0, Fault.RESET): [9]}, names)
    series = parsed(prometheus_text([(measured, plan("acme", names))]))
    assert told(series, "offered_total", tenant="acme") == 5
    assert told(series, "ok_total", tenant="acme", target="search") == 3
    assert told(series, "completed_total", tenant="acme", target="home") == 1
    assert told(series, "errors_total", tenant="acme", target="home", **{"class": "reset"}) == 1
    assert told(series, "response_seconds_count", tenant="acme", target="search") == 3
    assert ("ok_total", frozenset({("tenant", "acme")})) not in series
    assert sum(value for (name, _), value in series.items() if name == "ok_total") == measured.total.ok


def test_tenants_share_a_heading() -> None:
    quiet, noisy = snapshot({(0, 200, GOOD): [1000]}), snapshot({(0, 200, GOOD): [1000] * 9})
    text = prometheus_text([(quiet, plan("quiet")), (noisy, plan("noisy"))])
    series = parsed(text)
    assert told(series, "ok_total", tenant="quiet") == 1
    assert told(series, "ok_total", tenant="noisy") == 9
    headings = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(headings) == len(set(headings)) == prometheus_text([(quiet, plan())]).count("# TYPE")


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "two\nlines", "\\n", 'all \\"\n', "}{,="])
def test_names_are_escaped(name: str) -> None:
    text = prometheus_text([(snapshot({(0, 200, GOOD): [1000]}), plan(name))])
    assert told(parsed(text), "ok_total", tenant=name) == 1
    assert text.endswith("\n")


def test_histogram_is_not_changed() -> None:
    measured = snapshot({(0, 200, GOOD): [1000, 7000]})
    before = measured.total.response_histogram.copy()
    prometheus_text([(measured, plan())])
    assert measured.total.response_histogram == before != Histogram()
