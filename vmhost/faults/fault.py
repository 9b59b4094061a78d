"""What every fault has in common: parameters with bounds, and how it is injected."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vmhost.base.errors import InvalidInput
from vmhost.drivers.ports import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The running instance that a fault is injected into."""

    instance_id: str
    vcpus: int
    driver: Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterBounds:
    """The smallest and the largest value of a parameter."""

    least: float
    most: float
    unit: str = ""

    def includes(self, value: float) -> bool:
        """Return whether the value is within the bounds."""
        return self.least <= value <= self.most


def parameter(default: float, *, least: float, most: float, unit: str = "") -> Any:
    """Declare a field of a fault as a parameter, such as `seconds: float = parameter(10.0, least=1.0, most=60.0)`."""
    return dataclasses.field(default=default, metadata={"bounds": ParameterBounds(least=least, most=most, unit=unit)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(ABC):
    """One fault with the values of its parameters. Raises InvalidInput for a value that is out of bounds."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def __post_init__(self) -> None:
        for name, bounds in self.bounds().items():
            value = getattr(self, name)
            if not bounds.includes(value):
                unit = f" {bounds.unit}" if bounds.unit else ""
                raise InvalidInput(
                    f"{self.name}: {name} {value:g} is out of range ({bounds.least:g} to {bounds.most:g}{unit})"
                )

    @classmethod
    def bounds(cls) -> Mapping[str, ParameterBounds]:
        """Return the parameters with their bounds."""
        return {field.name: field.metadata["bounds"] for field in dataclasses.fields(cls)}

    @property
    def duration_s(self) -> float | None:
        """Return how long the fault lasts; None if it happens at once."""
        return None

    def details(self, target: Target) -> Mapping[str, float]:
        """Return numbers that observers of the fault need."""
        return {}

    @abstractmethod
    async def inject(self, target: Target) -> None:
        """Cause the fault and return when it is over. Cancelling ends it.

        Raises Conflict, Unavailable or DeadlineExceeded."""
