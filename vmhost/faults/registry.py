"""The faults that exist, by name, and how a request for one is read. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from vmhost.base.errors import InvalidInput
from vmhost.faults.cpu_hog import HogCpu
from vmhost.faults.fault import Fault
from vmhost.faults.kill import Kill

FAULTS: Mapping[str, type[Fault]] = {fault.name: fault for fault in (Kill, HogCpu)}


def parse_fault(name: Any, values: Mapping[str, Any]) -> Fault:
    """Return the fault with these parameters. Raises InvalidInput for an unknown name, parameter or value."""
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise InvalidInput(f"fault {str(name)[:40]!r} is unknown; known are {', '.join(FAULTS)}")
    bounds = fault.bounds()
    for key in values:
        if key not in bounds:
            raise InvalidInput(f"the fault {name} has no parameter {key[:40]!r}", code="UnknownParameter")
    whole = {field.name: field.type == "int" for field in dataclasses.fields(fault)}
    return fault(**{key: _number(key, value, whole=whole[key]) for key, value in values.items()})


def describe() -> list[dict[str, Any]]:
    """Return every fault with its parameters, their defaults and bounds."""
    return [
        {
            "fault": fault.name,
            "summary": fault.summary,
            "parameters": {
                field.name: {"default": field.default, **dataclasses.asdict(field.metadata["bounds"])}
                for field in dataclasses.fields(fault)
            },
        }
        for fault in FAULTS.values()
    ]


def _number(name: str, value: Any, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} {str(value)[:40]!r} must be a number")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidInput(f"{name} with {len(str(value))} digits is out of range") from None
    if whole and not number.is_integer():
        raise InvalidInput(f"{name} {number:g} must be a whole number")
    return int(number) if whole else number
