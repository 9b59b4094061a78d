"""What every fault has in common: parameters with bounds, and how it is injected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vmhost.api.parameters import parameters_of
from vmhost.api.views import FaultKindView
from vmhost.drivers.ports import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The running instance that a fault is injected into."""

    instance_id: str
    vcpus: int
    driver: Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(ABC):
    """One fault with the values of its parameters, which are fields declared with `parameter`."""

    name: ClassVar[str]
    title: ClassVar[str]
    """In sentences and on buttons: "CPU hog"."""
    summary: ClassVar[str]
    """What it does to the instance; follows "it"."""
    ends_as: ClassVar[str] = ""
    """How the instance's program has ended by it: "killed"; empty if it goes on."""

    @classmethod
    def describe(cls) -> FaultKindView:
        """Return what clients need to offer the fault and to show it."""
        return FaultKindView(
            name=cls.name,
            title=cls.title,
            summary=cls.summary,
            action=cls.__name__,
            lasts=cls().duration_s is not None,
            ends_as=cls.ends_as,
            parameters=parameters_of(cls),
        )

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
