"""Dataclasses to JSON and back, with checks: for messages between a coordinator and its workers.

Understands str, bool, int, float, enums, None, unions with None, `tuple[X, ...]`, `list[X]`, `dict[str, X]` and
dataclasses of these.
"""

from __future__ import annotations

import dataclasses
import types
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(message: Any) -> Any:
    """Plain dicts, lists and scalars for `json.dumps`."""
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        return {field.name: to_json(getattr(message, field.name)) for field in dataclasses.fields(message)}
    if isinstance(message, dict):
        return {key: to_json(value) for key, value in message.items()}
    if isinstance(message, (tuple, list)):
        return [to_json(value) for value in message]
    return message


def from_json(kind: type[T], data: Any) -> T:
    """The message again. Unknown fields are skipped, absent ones get a default. Raises ValueError that names one."""
    result: T = _decode(kind, data, kind.__name__)
    return result


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), data, where)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    if origin in (tuple, list):
        return _decode_items(kind, data, where)
    if origin is dict:
        _expect(isinstance(data, dict), where, "an object", data)
        return {str(key): _decode(get_args(kind)[1], value, f"{where}.{key}") for key, value in data.items()}
    return _decode_scalar(kind, data, where)


def _decode_union(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return _decode(kind, data, where)


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    _expect(isinstance(data, dict), where, "an object", data)
    hints = _hints(kind)
    known = {name: _decode(hint, data[name], f"{where}.{name}") for name, hint in hints.items() if name in data}
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(f"{where} is incomplete: {error}") from error


def _decode_items(kind: Any, data: Any, where: str) -> Any:
    _expect(isinstance(data, list), where, "a list", data)
    args = get_args(kind)
    if get_origin(kind) is list:
        return [_decode(args[0], value, where) for value in data]
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(args[0], value, where) for value in data)
    _expect(len(data) == len(args), where, f"{len(args)} items", data)
    return tuple(_decode(arg, value, where) for arg, value in zip(args, data, strict=True))


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    if issubclass(kind, Enum):
        words = [word.value for word in kind]
        _expect(data in words, where, f"one of {', '.join(map(str, words))}", data)
        return kind(data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    _expect(isinstance(data, kind) and (kind is bool or not isinstance(data, bool)), where, kind.__name__, data)
    return kind(data)


def _expect(holds: bool, where: str, expected: str, data: Any) -> None:
    if not holds:
        raise ValueError(f"{where} is {str(data)[:60]!r}; expected {expected}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
