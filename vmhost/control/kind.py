"""A kind of resource as data: what the generic code (`resources`, `tags`) needs to know about it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Record(Protocol):
    """A frozen dataclass with an id."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[R]):
    """A description of one kind of resource, for the generic code."""

    name: str
    """EC2's name of the resource type, such as "launch-template"."""
    record: type[R]
    table: str
    """The store's table."""
    prefix: str = ""
    """Start of the ids, such as "lt"."""
    noun: str = ""
    """Name of an id in error messages, such as "fleet ID"."""
    not_found: str = ""
    """EC2's error code for an id that does not exist."""
    taggable: bool = False
    """Whether users may tag it; the record then has a field `tags`."""
    stamp: Callable[[R, R, float], R] = lambda _, changed, __: changed
    """(former, changed, now) -> the record to store, for kinds that count generations."""
