"""The faults that exist, by name, and how a request to inject or end one is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from vmhost.api.parameters import with_values
from vmhost.base.errors import InvalidInput
from vmhost.faults.cpu_hog import HogCpu
from vmhost.faults.fault import Fault
from vmhost.faults.kill import Kill

FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in (Kill, HogCpu)}
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
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        message = 'the body must be a JSON object, such as {"fault": "kill", "instance_id": "i-…"}'
        raise InvalidInput(message) from None
    name = fields.pop("fault", None)
    if name == _END:
        key = "fault_id" if "fault_id" in fields else "instance_id"
        request = FaultRequest(fault=None, **{key: _pop_id(fields, key)})
        if fields:
            raise InvalidInput(f"ending a fault takes no {min(fields)[:40]}", code="UnknownParameter")
        return request
    instance_id = fields.pop("instance_id", None)
    fault = parse_fault(name, fields)
    return FaultRequest(fault=fault, instance_id=_pop_id({"instance_id": instance_id}, "instance_id"))


def parse_fault(name: object, values: Mapping[str, Any]) -> Fault:
    """Return the fault with these parameters. Raises InvalidInput for an unknown name, parameter or value."""
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise InvalidInput(f"fault {str(name)[:40]!r} is unknown; known are {', '.join(FAULTS)}")
    return with_values(fault, values, subject=f"fault {fault.name}")


def _pop_id(fields: dict[str, Any], key: str) -> str:
    value = fields.pop(key, None)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{key} is required", code="MissingParameter")
    return value
