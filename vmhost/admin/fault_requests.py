"""Parses the JSON requests to /_glasscloud/faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from vmhost.base.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Kill the instance's program as a crash would."""

    instance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HogCpu:
    """Run a CPU hog in the instance for some seconds."""

    instance_id: str
    seconds: float
    workers_per_vcpu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFault:
    """End a CPU hog early, named by one of the two ids."""

    fault_id: str | None
    instance_id: str | None


FaultRequest: TypeAlias = Kill | HogCpu | EndFault


def parse_fault_request(body: bytes) -> FaultRequest:
    """Parse the JSON body. Raises InvalidInput, also for unknown fields."""
    fields = _object(body)
    fault = fields.pop("fault", None)
    match fault:
        case "kill":
            parsed: FaultRequest = Kill(instance_id=_name(fields, "instance_id"))
        case "cpu_hog":
            parsed = HogCpu(
                instance_id=_name(fields, "instance_id"),
                seconds=_number(fields.pop("seconds", 10.0), "seconds"),
                workers_per_vcpu=_workers(fields.pop("workers_per_vcpu", 8)),
            )
        case "end":
            by_id = "fault_id" in fields
            parsed = EndFault(
                fault_id=_name(fields, "fault_id") if by_id else None,
                instance_id=None if by_id else _name(fields, "instance_id"),
            )
        case _:
            raise InvalidInput(f"unknown fault {str(fault)[:40]!r}; use kill, cpu_hog or end")
    if fields:
        raise InvalidInput(f"the fault {fault} does not support {min(fields)[:40]}", code="UnknownParameter")
    return parsed


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput('the body must be a JSON object such as {"fault": "kill", "instance_id": "i-…"}')
    return value


def _name(fields: dict[str, Any], key: str) -> str:
    value = fields.pop(key, None)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{key} is required", code="MissingParameter")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} must be a number, not {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(f"{name} with {len(str(value))} digits is out of range") from None


def _workers(value: Any) -> int:
    number = _number(value, "workers_per_vcpu")
    if not number.is_integer():
        raise InvalidInput(f"workers_per_vcpu must be a whole number, not {number:g}")
    return int(number)
