"""Thresholds as people write them, for the whole run and for one target or step."""

from __future__ import annotations

import pytest

from client.load.interval_stats import GOOD, IntervalStats
from client.load.plan.validation import parse_threshold
from client.load.schedule import NS_PER_S
from client.load.summary import Summary, summarise
from client.load.verdict import evaluate_threshold
from vmhost.base.errors import InvalidInput


def steps(*names: str) -> Summary:
    stats = IntervalStats(0, NS_PER_S)
    for name in names:
        stats.record_step((name, 200, GOOD), 3000)
    return summarise(stats, since=0.0, until=1.0, targets=("flow",))


@pytest.mark.parametrize(
    ("text", "target", "metric"),
    [
        ("GET /users/:id:max<50ms", "GET /users/:id", "max"),
        ("GET /users/:id/orders/:order:errors<1%", "GET /users/:id/orders/:order", "errors"),
        ("a<=b > c:service.p99<5ms", "a<=b > c", "service.p99"),
        ("search:p95<20ms", "search", "p95"),
        ("p95<20ms", "", "p95"),
    ],
)
def test_a_name_may_hold_colons_and_comparisons(text: str, target: str, metric: str) -> None:
    threshold = parse_threshold(text)
    assert (threshold.target, threshold.metric) == (target, metric)


@pytest.mark.parametrize("text", [":p99<5ms", "GET /users/:id", "p99", "search:p99", "p99<5ms:search"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not understood"):
        parse_threshold(text)


def test_a_step_is_judged_by_its_full_name() -> None:
    total = steps("GET /users/:id", "GET /users")
    assert evaluate_threshold(parse_threshold("GET /users/:id:max<50ms"), total).held is True
    assert evaluate_threshold(parse_threshold("GET /users/:id:max<1ms"), total).held is False


def test_a_name_that_no_step_had_is_answered_with_those_there_were() -> None:
    held = evaluate_threshold(parse_threshold("GET /user:max<50ms"), steps("GET /users/:id", "log in"))
    assert held.held is None
    assert held.measured == "no request or step was called 'GET /user'; there were: flow, GET /users/:id, log in"
