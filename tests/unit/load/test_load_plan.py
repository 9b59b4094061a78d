"""A plan that makes no sense is refused before anything is sent, naming what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from client.load.plan.model import (
    ClosedLoop,
    DataSource,
    Hedge,
    OpenLoop,
    Plan,
    RateStage,
    Spacing,
    Target,
    Wave,
    constant,
)
from client.load.plan.urls import parse_url
from client.load.plan.validation import check_plan
from client.load.request_factory import prepare_requests
from vmhost.base.errors import InvalidInput

PLAN = constant("http://127.0.0.1:8000/", 20, duration_s=1.0)
RICH = Plan(
    targets=(
        Target(url="http://127.0.0.1/{word}", name="a", headers=(("A", "b"),), weight=2.0),
        Target(url="http://127.0.0.1/", name="b", method="POST", body="x"),
    ),
    open=OpenLoop(
        rate_per_s=5, spacing=Spacing.POISSON, stages=(RateStage(seconds=1, from_per_s=1, to_per_s=2),)
    ),
    sources={"word": DataSource(values=("x", "y"), draw="zipf")},
    hedge=Hedge(after_ms=5.0),
    thresholds=("p99<50ms", "a:errors<1%"),
)  # fmt: skip


def with_target(**changes: Any) -> Plan:
    return replace(PLAN, targets=(replace(PLAN.targets[0], **changes),))


def with_open(**changes: Any) -> Plan:
    return replace(PLAN, open=OpenLoop(**{"rate_per_s": 20.0, **changes}))


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (with_open(rate_per_s=-1.0), "rate -1"),
        (with_open(rate_per_s=1e7), "rate 1e+07"),
        (with_open(rate_per_s=float("nan")), "rate nan"),
        (with_open(stages=(RateStage(seconds=0, from_per_s=1, to_per_s=1),)), "a stage of 0 s"),
        (with_open(stages=(RateStage(seconds=1, from_per_s=1, to_per_s=-1),)), "rate -1"),
        (with_open(wave=Wave(amplitude_per_s=30, period_s=1)), "amplitude of 30"),
        (with_open(wave=Wave(amplitude_per_s=3, period_s=0)), "period of 0"),
        (with_open(trace=()), "a trace of 0"),
        (with_open(trace=(1.0, 0.5)), "arrival 2 of the trace"),
        (with_open(trace=(0.0, float("inf"))), "arrival 2"),
        (with_open(trace=(0.0,), wave=Wave(amplitude_per_s=1, period_s=1)), "more than one"),
        (replace(PLAN, closed=ClosedLoop(users=1)), "either a rate"),
        (replace(PLAN, open=None), "either a rate"),
        (replace(PLAN, open=None, closed=ClosedLoop(users=0)), "0 users"),
        (replace(PLAN, duration_s=0.0), "duration"),
        (replace(PLAN, warm_up_s=1.0), "warm-up"),
        (replace(PLAN, connections=0), "0 connections"),
        (replace(PLAN, timeout_s=0.0), "timeout"),
        (replace(PLAN, timeout_s=float("nan")), "timeout"),
        (replace(PLAN, thresholds=("p99<soon",)), "p99<soon"),
        (replace(PLAN, thresholds=("p99<5%",)), "'%'"),
        (replace(PLAN, thresholds=("other:p99<5ms",)), "'other'"),
        (replace(PLAN, hedge=Hedge(budget=0)), "budget"),
        (replace(PLAN, hedge=Hedge(after_ms=5000)), "hedging after 5000 ms"),
        (replace(PLAN, targets=()), "0 targets"),
        (replace(PLAN, targets=PLAN.targets * 2), "twice"),
        (with_target(method="FETCH"), "FETCH"),
        (with_target(headers=(("content-length", "5"),)), "content-length"),
        (replace(PLAN, thresholds=("errors<200%",)), "can never be broken"),
        (with_target(weight=0), "weight 0"),
        (replace(PLAN, sources={"w": DataSource()}), "'w'"),
        (replace(PLAN, sources={"w": DataSource(values=("a",), draw="loudly")}), "loudly"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(plan: Plan, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_plan(plan)
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("ftp://127.0.0.1/", "ftp://127.0.0.1/"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://", "http://"),
        ("http://127.0.0.1:99999/", "99999"),
        ("http://127.0.0.1:0/", "port 0"),
        ("http://127.0.0.1/a b", "percent-encoded"),
        ("http://127.0.0.1/\u00e4", "percent-encoded"),
        ("http://user@127.0.0.1/", "user name"),
        ("http://127.0.0.1/{word}", "{word}"),
    ],
)
def test_unusable_url_is_refused(url: str, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        prepare_requests(with_target(url=url))
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("url", "authority", "resource"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "/"),
        ("http://example.test/a?b=c#d", "example.test", "/a?b=c"),
        ("https://example.test:443/", "example.test", "/"),
        ("https://example.test:80/", "example.test:80", "/"),
        ("http://[::1]:8000/x", "[::1]:8000", "/x"),
    ],
)
def test_a_url_gives_host_header_and_resource(url: str, authority: str, resource: str) -> None:
    origin, asked = parse_url(url)
    assert (origin.authority, asked) == (authority, resource)


@pytest.mark.parametrize("plan", [PLAN, RICH, replace(PLAN, open=None, closed=ClosedLoop(users=3, think_s=0.5))])
def test_a_plan_survives_json(plan: Plan) -> None:
    assert msgspec.json.decode(msgspec.json.encode(check_plan(plan)), type=Plan) == plan


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "Expected `object`, got `array`"),
        ({"open": {"rate_per_s": "20"}}, "$.open.rate_per_s"),
        ({"open": {"rate_per_s": True}}, "$.open.rate_per_s"),
        ({"open": {"spacing": "odd"}}, "$.open.spacing"),
        ({"targets": [{}]}, "missing required field `url` - at `$.targets[0]`"),
        ({"targets": [{"url": "http://a/", "headers": [["a"]]}]}, "$.targets[0].headers[0]"),
    ],
)
def test_json_that_is_no_plan_is_refused_by_field(data: object, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        msgspec.convert(data, Plan)


@pytest.mark.parametrize(
    ("plan", "model"),
    [
        (PLAN, "open loop, constant 20/s"),
        (RICH, "open loop, ramp 1 to 2/s in 1 s, Poisson"),
        (with_open(wave=Wave(amplitude_per_s=5, period_s=10)), "open loop, sine 20±5/s each 10 s"),
        (with_open(trace=(0.0, 1.0)), "open loop, replay of 2 arrivals"),
        (replace(PLAN, open=None, closed=ClosedLoop(users=1)), "closed loop, 1 user without think time"),
        (
            replace(PLAN, open=None, closed=ClosedLoop(users=9, think_s=2, think_varies=True)),
            "closed loop, 9 users thinking 2 s (exponential)",
        ),
    ],
)
def test_the_model_is_named(plan: Plan, model: str) -> None:
    assert plan.model == model


@pytest.mark.parametrize(
    ("loop", "timeout_s", "connections"),
    [
        (OpenLoop(rate_per_s=1), 2.0, 64),
        (OpenLoop(rate_per_s=100), 2.0, 200),
        (OpenLoop(rate_per_s=10_000), 2.0, 1000),
        (OpenLoop(stages=(RateStage(seconds=1, from_per_s=0, to_per_s=300),)), 1.0, 300),
        (OpenLoop(rate_per_s=100, wave=Wave(amplitude_per_s=50, period_s=60)), 1.0, 150),
        (OpenLoop(trace=tuple(number / 200 for number in range(200))), 1.0, 200),
    ],
)
def test_connections_grow_with_rate_and_timeout(loop: OpenLoop, timeout_s: float, connections: int) -> None:
    plan = replace(PLAN, open=loop, timeout_s=timeout_s)
    assert plan.connections_max == connections
    assert replace(plan, connections=7).connections_max == 7
