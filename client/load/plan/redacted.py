"""A plan as reports show it: complete enough to repeat the run, without what must not be read by others."""

from __future__ import annotations

from typing import Any

from client.load.http_text import HIDDEN, PLAIN_HEADERS
from client.load.json_codec import to_json
from client.load.plan.model import Plan

_TRACE_SHOWN = 10


def redacted_plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data: values of headers that may be secret hidden, a long trace cut to its beginning."""
    data: dict[str, Any] = to_json(plan)
    for target in data["targets"]:
        target["headers"] = [
            [name, value if name.lower() in PLAIN_HEADERS else HIDDEN] for name, value in target["headers"]
        ]
    trace = plan.open.trace if plan.open is not None else None
    if trace is not None and len(trace) > _TRACE_SHOWN:
        data["open"]["trace"] = [*trace[:_TRACE_SHOWN], f"and {len(trace) - _TRACE_SHOWN} more"]
    return data
