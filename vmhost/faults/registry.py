"""The faults that exist, by name, and how a request for one is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmhost.api.parameters import with_values
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
    return with_values(fault, values, subject=f"fault {fault.name}")
