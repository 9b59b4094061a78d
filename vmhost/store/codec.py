"""Convert frozen dataclasses to JSON and back, by their type hints. Supports only the types that records use."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


def dump(value: Any) -> str:
    """Return the dataclass as JSON text."""
    return json.dumps(_plain(value), separators=(",", ":"), sort_keys=True)


def load(kind: type[T], text: str) -> T:
    """Return the dataclass from its JSON text. Unknown fields are dropped; a missing field takes its default.

    Raises ValueError or TypeError for text that does not describe one."""
    value: T = _typed(kind, json.loads(text))
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _typed(kind: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _typed(next(one for one in arguments if one is not types.NoneType), data)
    if origin is tuple:
        return tuple(_typed(arguments[0], item) for item in data)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _typed(arguments[1], item) for key, item in data.items()}
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        return kind(**{name: _typed(hints[name], data[name]) for name in hints if name in data})  # type: ignore[operator]
    if kind is bytes:
        return base64.b64decode(data)
    if isinstance(kind, type) and issubclass(kind, Enum | float):
        return kind(data)
    return data


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
