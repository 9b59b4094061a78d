"""Parameters that users may set: declared once, as fields of a dataclass, with their bounds. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from vmhost.api.views import ParameterView
from vmhost.base.errors import InvalidInput

T = TypeVar("T")
_KEY = "parameter"


def parameter(default: float, *, label: str, least: float, most: float, unit: str = "") -> Any:
    """Declare a field as a parameter, such as `seconds: float = parameter(10.0, label="seconds", least=1, most=60)`.

    A default that is an int makes it a whole number."""
    view = ParameterView(
        name="", label=label, default=default, least=least, most=most, unit=unit, whole=isinstance(default, int)
    )
    return dataclasses.field(default=default, metadata={_KEY: view})


def parameters_of(kind: type[Any]) -> tuple[ParameterView, ...]:
    """Return the parameters of the dataclass; its other fields are not for users."""
    return tuple(
        dataclasses.replace(field.metadata[_KEY], name=field.name)
        for field in dataclasses.fields(kind)
        if _KEY in field.metadata
    )


def with_values(kind: type[T], values: Mapping[str, Any], *, subject: str) -> T:
    """Return an object of the dataclass with these values; missing ones have their defaults.

    Raises InvalidInput, naming the `subject`, for an unknown parameter or a value that is out of bounds."""
    return kind(**checked_values(parameters_of(kind), values, subject=subject))


def checked_values(
    parameters: tuple[ParameterView, ...], values: Mapping[str, Any], *, subject: str
) -> dict[str, float]:
    """Return the values of these parameters. Raises InvalidInput as `with_values` does."""
    known = {each.name: each for each in parameters}
    for name in values:
        if name not in known:
            raise InvalidInput(f"{subject} has no parameter {name[:40]!r}", code="UnknownParameter")
    return {name: _number(subject, known[name], value) for name, value in values.items()}


def _number(subject: str, parameter: ParameterView, value: Any) -> float:
    name, least, most = parameter.name, parameter.least, parameter.most
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{subject}: {name} must be a number, not {str(value)[:40]!r}")
    if not least <= value <= most:
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise InvalidInput(f"{subject}: {name} {str(value)[:40]} is out of range ({least:g} to {most:g}{unit})")
    if parameter.whole and not float(value).is_integer():
        raise InvalidInput(f"{subject}: {name} must be a whole number, not {value:g}")
    return int(value) if parameter.whole else float(value)
