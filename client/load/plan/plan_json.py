"""Plans as JSON: read from a form's few fields, and written for reports without what others must not read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins

from client.load.http_text import HIDDEN, PLAIN_HEADERS
from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Spacing, Target
from client.load.plan.urls import parse_url
from client.load.plan.validation import check_plan
from vmhost.base.errors import InvalidInput

FIELDS = ("rate_per_s", "users", "think_s", "seconds", "poisson", "url")

_TRACE_SHOWN = 10


def plan_from_form(request: Mapping[str, object], *, search: Target) -> Plan:
    """The plan of `{"rate_per_s": 20}` or `{"users": 5, "think_s": 1}`, checked. Raises InvalidInput.

    `seconds` is its length, null for a load without an end; `poisson` spaces the arrivals of a rate as independent
    users come; `url` is used instead of `search`. Absent is the same as null. Pauses of users vary."""
    for name in request:
        if name not in FIELDS:
            raise InvalidInput(f"field {name!r} is not known; use only {', '.join(FIELDS)}")
    opened, closed = _loops(request)
    return check_plan(
        Plan(
            targets=(_target(request, search),),
            open=opened,
            closed=closed,
            duration_s=_number(request, "seconds", "seconds, or null for a load without an end"),
        )
    )


def _loops(request: Mapping[str, object]) -> tuple[OpenLoop | None, ClosedLoop | None]:
    rate_per_s = _number(request, "rate_per_s", "requests a second")
    users = _number(request, "users", "a number of users")
    think_s = _number(request, "think_s", "seconds between an answer and the next request")
    poisson = request.get("poisson")
    if poisson is not None and not isinstance(poisson, bool):
        raise InvalidInput(f"poisson is {_shown(poisson)}; expected true or false")
    if (rate_per_s is None) == (users is None):
        raise InvalidInput("the load needs either rate_per_s or users")
    if rate_per_s == 0:
        raise InvalidInput("a rate of 0 sends nothing; give a higher one")
    if rate_per_s is not None:
        if think_s:
            raise InvalidInput("think_s belongs to users; requests at a rate do not wait for answers")
        spacing = Spacing.POISSON if poisson else Spacing.EVEN
        return OpenLoop(rate_per_s=rate_per_s, spacing=spacing), None
    if poisson:
        raise InvalidInput("poisson belongs to rate_per_s; users come when they were answered")
    assert users is not None
    if users != int(users):
        raise InvalidInput(f"users is {users:g}; expected a whole number")
    return None, ClosedLoop(users=int(users), think_s=think_s or 0.0, think_varies=bool(think_s))


def _target(request: Mapping[str, object], search: Target) -> Target:
    url = request.get("url")
    if url is None:
        return search
    if not isinstance(url, str):
        raise InvalidInput(f"url is {_shown(url)}; expected an address, or null for the cloud's own search")
    parse_url(url)
    return Target(url=url)


def _number(request: Mapping[str, object], name: str, expected: str) -> float | None:
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"{name} is {_shown(value)}; expected {expected}")
    return float(value)


def _shown(value: object) -> str:
    return repr(value)[:60]


def redacted_plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, complete enough to repeat the run, but with headers that may be secret hidden and a long
    trace cut."""
    data: dict[str, Any] = to_builtins(plan)
    for target in data["targets"]:
        target["headers"] = [
            [name, value if name.lower() in PLAIN_HEADERS else HIDDEN] for name, value in target["headers"]
        ]
    trace = plan.open.trace if plan.open is not None else None
    if trace is not None and len(trace) > _TRACE_SHOWN:
        data["open"]["trace"] = [*trace[:_TRACE_SHOWN], f"and {len(trace) - _TRACE_SHOWN} more"]
    return data
