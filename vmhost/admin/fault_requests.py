"""The requests that can be sent to /_glasscloud/faults, typed. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import InvalidInput
from vmhost.faults.fault import Fault
from vmhost.faults.registry import parse_fault

_END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRequest:
    """Inject a fault into an instance; without a fault, end the one that is named by its id or its instance."""

    fault: Fault | None
    instance_id: str | None = None
    fault_id: str | None = None

    @property
    def action(self) -> str:
        """Return the request's name in the log of calls."""
        return "EndFault" if self.fault is None else type(self.fault).__name__


def parse_fault_request(body: bytes) -> FaultRequest:
    """Read the JSON body, such as `{"fault": "kill", "instance_id": "i-…"}`. Raises InvalidInput."""
    fields = _object(body)
    name = fields.pop("fault", None)
    if name == _END:
        key = "fault_id" if "fault_id" in fields else "instance_id"
        request = FaultRequest(fault=None, **{key: _id(fields, key)})
        if fields:
            raise InvalidInput(f"ending a fault takes no {min(fields)[:40]}", code="UnknownParameter")
        return request
    instance_id = fields.pop("instance_id", None)
    fault = parse_fault(name, fields)
    return FaultRequest(fault=fault, instance_id=_id({"instance_id": instance_id}, "instance_id"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput('the body must be a JSON object, such as {"fault": "kill", "instance_id": "i-…"}')
    return value


def _id(fields: dict[str, Any], key: str) -> str:
    value = fields.pop(key, None)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{key} is required", code="MissingParameter")
    return value
