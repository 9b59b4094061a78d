"""A plan that makes no sense is refused before anything is sent, naming what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from client.load.plan import Plan, parse_target
from client.load.wire import from_json, to_json
from vmhost.base.errors import InvalidInput

PLAN = Plan(url="http://127.0.0.1:8000/", rate_per_s=20, duration_s=1, headers=(("A", "b"),))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "ftp://127.0.0.1/"}, "ftp://127.0.0.1/"),
        ({"url": "127.0.0.1:8000"}, "127.0.0.1:8000"),
        ({"url": "http://"}, "http://"),
        ({"url": "http://127.0.0.1:99999/"}, "99999"),
        ({"url": "http://127.0.0.1/a b"}, "percent-encoded"),
        ({"url": "http://127.0.0.1/\u00e4"}, "percent-encoded"),
        ({"url": "http://user@127.0.0.1/"}, "user name"),
        ({"rate_per_s": -1.0}, "rate -1"),
        ({"rate_per_s": 1e7}, "rate 1e+07"),
        ({"rate_per_s": float("nan")}, "rate nan"),
        ({"duration_s": 0.0}, "duration"),
        ({"connections": 0}, "0 connections"),
        ({"timeout_s": 0.0}, "timeout"),
        ({"timeout_s": float("nan")}, "timeout"),
        ({"model": "sine"}, "sine"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(PLAN, **change).checked()  # type: ignore[arg-type]
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
    target = parse_target(url)
    assert (target.authority, target.resource) == (authority, resource)


def test_a_plan_survives_json() -> None:
    assert from_json(Plan, json.loads(json.dumps(to_json(PLAN)))) == PLAN


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "Plan"),
        ({"url": "http://a/"}, "rate_per_s"),
        ({"url": "http://a/", "rate_per_s": "20"}, "Plan.rate_per_s"),
        ({"url": "http://a/", "rate_per_s": True}, "Plan.rate_per_s"),
        ({"url": "http://a/", "rate_per_s": 1, "headers": [["a"]]}, "Plan.headers"),
    ],
)
def test_json_that_is_no_plan_is_refused_by_field(data: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        from_json(Plan, data)
