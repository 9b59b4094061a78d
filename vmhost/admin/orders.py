"""What may be ordered at /_glasscloud/faults, typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from vmhost.base.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """End the instance's program as a crash would."""

    instance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HogCpu:
    """Burn all the CPU that the instance can get, for so long."""

    instance_id: str
    seconds: float
    workers_per_vcpu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFault:
    """End a hog before its time, named by one of the two."""

    fault_id: str | None
    instance_id: str | None


Order: TypeAlias = Kill | HogCpu | EndFault


def parse_order(body: bytes) -> Order:
    """The fault that the JSON body orders. Raises InvalidInput for anything that it does not understand wholly."""
    order = _object(body)
    fault = order.pop("fault", None)
    match fault:
        case "kill":
            parsed: Order = Kill(instance_id=_name(order, "instance_id"))
        case "cpu_hog":
            parsed = HogCpu(
                instance_id=_name(order, "instance_id"),
                seconds=_number(order.pop("seconds", 10.0), "seconds"),
                workers_per_vcpu=_workers(order.pop("workers_per_vcpu", 8)),
            )
        case "end":
            by_id = "fault_id" in order
            parsed = EndFault(
                fault_id=_name(order, "fault_id") if by_id else None,
                instance_id=None if by_id else _name(order, "instance_id"),
            )
        case _:
            raise InvalidInput(f"fault {str(fault)[:40]!r} is not known; expected kill, cpu_hog or end")
    if order:
        raise InvalidInput(f"the fault {fault} takes no {min(order)[:40]}", code="UnknownParameter")
    return parsed


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput('the body is no JSON object; expected such as {"fault": "kill", "instance_id": "i-…"}')
    return value


def _name(order: dict[str, Any], key: str) -> str:
    value = order.pop(key, None)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"the order names no {key}; expected one", code="MissingParameter")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} {str(value)[:40]!r} is no number; expected one")
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(f"{name} has {len(str(value))} digits; expected a number of everyday size") from None


def _workers(value: Any) -> int:
    number = _number(value, "workers_per_vcpu")
    if not number.is_integer():
        raise InvalidInput(f"workers_per_vcpu {number:g} is not possible; expected a whole number")
    return int(number)
