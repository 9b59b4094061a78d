"""The EC2 service model: input and output shapes of every operation, with their names on the wire.

The only module that imports botocore, for its data (ec2, 2016-11-15). Source of the naming rules: botocore's `ec2`
protocol. Request name: `queryName`, else `locationName` capitalized, else the member's own name. Response tag:
`locationName`, else the member's own name. Items of a list are in `<item>` unless the list names them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from botocore.loaders import Loader

from vmhost.api import API_VERSION


class ScalarType(StrEnum):
    """The type of a scalar."""

    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    DOUBLE = "double"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    BLOB = "blob"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A single value."""

    type: ScalarType


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list: `.1`, `.2` … in requests, one `element_tag` each in responses."""

    element: Shape
    element_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a structure, with its names in dicts, requests and responses."""

    name: str
    request_name: str
    tag: str
    shape: Shape
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Members in the model's order."""

    members: tuple[Member, ...]


Shape: TypeAlias = Scalar | ListOf | Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An action: its input and output (None: only success)."""

    name: str
    input: Structure
    output: Structure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceModel:
    """The service: its namespace, the names of all operations and the shapes of the requested ones."""

    namespace: str
    names: frozenset[str]
    operations: Mapping[str, Operation]


def load(wanted: Collection[str] | None = None) -> ServiceModel:
    """Read the service model (half a second) and keep the shapes of the wanted operations; None means all.

    The complete model takes 25 MiB as Python objects; a few operations need a hundredth of it."""
    loader: Any = Loader()  # type: ignore[no-untyped-call]
    raw = loader.load_service_model("ec2", "service-2", API_VERSION)
    shapes = _Shapes(raw["shapes"])
    operations = raw["operations"]
    return ServiceModel(
        namespace=raw["metadata"]["xmlNamespace"],
        names=frozenset(operations),
        operations={name: shapes.operation(name, operations[name]) for name in wanted or operations},
    )


class _Shapes:
    """Converts the model's JSON into shapes, each once. EC2's model has no recursive shape."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._made: dict[str, Shape] = {}

    def operation(self, name: str, raw: Mapping[str, Any]) -> Operation:
        """Convert one operation."""
        inputs = self._structure(raw["input"]["shape"])
        outputs = self._structure(raw["output"]["shape"]) if "output" in raw else None
        return Operation(name=name, input=inputs, output=outputs)

    def _structure(self, name: str) -> Structure:
        shape = self._shape(name)
        assert isinstance(shape, Structure), name
        return shape

    def _shape(self, name: str) -> Shape:
        if name not in self._made:
            self._made[name] = self._make(self._raw[name])
        return self._made[name]

    def _make(self, raw: Mapping[str, Any]) -> Shape:
        if raw["type"] == "structure":
            required = frozenset(raw.get("required", ()))
            return Structure(
                members=tuple(self._member(name, ref, name in required) for name, ref in raw["members"].items())
            )
        if raw["type"] == "list":
            member = raw["member"]
            return ListOf(element=self._shape(member["shape"]), element_tag=member.get("locationName", "item"))
        return Scalar(type=ScalarType(raw["type"]))

    def _member(self, name: str, ref: Mapping[str, Any], required: bool) -> Member:
        location = ref.get("locationName") or self._raw[ref["shape"]].get("locationName") or name
        return Member(
            name=name,
            request_name=ref.get("queryName") or location[0].upper() + location[1:],
            tag=location,
            shape=self._shape(ref["shape"]),
            required=required,
        )
