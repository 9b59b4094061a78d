"""Plans as JSON: read from a form's few fields, and written for reports without what others must not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from client.load.http_text import HIDDEN, PLAIN_HEADERS
from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Spacing, Target
from client.load.plan.urls import parse_url
from client.load.plan.validation import check_plan
from vmhost.base.errors import InvalidInput

_EXPECTED = {
    "rate_per_s": "requests a second",
    "users": "a whole number",
    "think_s": "seconds between an answer and the next request",
    "seconds": "seconds, or null for a load without an end",
    "poisson": "true or false",
    "url": "an address, or null for the cloud's own search",
}
_TRACE_SHOWN = 10


class _Form(msgspec.Struct):
    rate_per_s: float | None = None
    users: int | None = None
    think_s: float | None = None
    seconds: float | None = None
    poisson: bool | None = None
    url: str | None = None


def plan_from_form(request: Mapping[str, object], *, search: Target) -> Plan:
    """The plan of `{"rate_per_s": 20}` or `{"users": 5, "think_s": 1}`, checked. Raises InvalidInput.

    `seconds` is its length, null for a load without an end; `poisson` spaces the arrivals of a rate as independent
    users come; `url` is used instead of `search`. Absent is the same as null. Pauses of users vary."""
    if unknown := [name for name in request if name not in _EXPECTED]:
        raise InvalidInput(f"field {unknown[0]!r} is not known; use only {', '.join(_EXPECTED)}")
    try:
        form = msgspec.convert(request, _Form)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise InvalidInput(f"{name} is {repr(request[name])[:60]}; expected {_EXPECTED[name]}") from error
    opened, closed = _loops(form)
    if form.url is not None:
        parse_url(form.url)
        search = Target(url=form.url)
    return check_plan(Plan(targets=(search,), open=opened, closed=closed, duration_s=form.seconds))


def _loops(form: _Form) -> tuple[OpenLoop | None, ClosedLoop | None]:
    if (form.rate_per_s is None) == (form.users is None):
        raise InvalidInput("the load needs either rate_per_s or users")
    if form.rate_per_s == 0:
        raise InvalidInput("a rate of 0 sends nothing; give a higher one")
    if form.users is not None:
        if form.poisson:
            raise InvalidInput("poisson belongs to rate_per_s; users come when they were answered")
        return None, ClosedLoop(users=form.users, think_s=form.think_s or 0.0, think_varies=bool(form.think_s))
    assert form.rate_per_s is not None
    if form.think_s:
        raise InvalidInput("think_s belongs to users; requests at a rate do not wait for answers")
    return OpenLoop(rate_per_s=form.rate_per_s, spacing=Spacing.POISSON if form.poisson else Spacing.EVEN), None


def redacted_plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, complete enough to repeat the run, but with headers that may be secret hidden and a long
    trace cut."""
    data: dict[str, Any] = msgspec.to_builtins(plan)
    for target in data["targets"]:
        target["headers"] = [
            [name, value if name.lower() in PLAIN_HEADERS else HIDDEN] for name, value in target["headers"]
        ]
    trace = plan.open.trace if plan.open is not None else None
    if trace is not None and len(trace) > _TRACE_SHOWN:
        data["open"]["trace"] = [*trace[:_TRACE_SHOWN], f"and {len(trace) - _TRACE_SHOWN} more"]
    return data
