"""Decodes requests: a query form into a tree, and the tree into a dict of typed values by the operation's input shape.

`Filter.1.Value.2=x` becomes {"Filter": {"1": {"Value": {"2": "x"}}}}, and that [{"Values": [None, "x"]}].
Written by hand, because botocore has only the client's side: it encodes requests."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.ec2.service_model import ListOf, Scalar, ScalarType, Shape, Structure

MAX_FIELDS = 10_000
MAX_DEPTH = 24
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MAX_INDEX = 10_000

Tree: TypeAlias = "dict[str, str | Tree]"
Node: TypeAlias = "str | Tree"
Decoder: TypeAlias = Callable[[Node, str], Any]
"""Takes the node and its dotted name (for messages); returns the typed value."""

_INDEX = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)


def parse_form(body: bytes) -> Tree:
    """Parse a form into a tree of its dotted names, within limits on fields and depth.

    Raises InvalidInput (MalformedQueryString, InvalidParameterValue) for a malformed form, duplicate names, and
    characters that XML does not allow."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise InvalidInput(
            f"malformed request body; send application/x-www-form-urlencoded UTF-8 of at most {MAX_FIELDS} fields",
            code="MalformedQueryString",
        ) from None
    root: Tree = {}
    for name, value in pairs:
        _put(root, name, value)
    return root


def _put(root: Tree, name: str, value: str) -> None:
    if _NOT_XML.search(name) or _NOT_XML.search(value):
        raise InvalidInput(f"parameter {name[:80]!r} has a control character; remove it")
    *path, last = name.split(".", MAX_DEPTH)
    node = root
    for part in path:
        child = node.setdefault(part, {})
        if isinstance(child, str):
            raise InvalidInput(f"parameter {name[:80]} is given both as a value and as a structure")
        node = child
    if last in node:
        raise InvalidInput(f"parameter {name[:80]} is given twice")
    node[last] = value


def decoder(shape: Structure) -> Callable[[Tree], dict[str, Any]]:
    """Return a function that decodes a request's tree (without Action and Version) to a dict by member names.

    It raises InvalidInput: UnknownParameter, MissingParameter, InvalidParameterValue."""
    decode = _structure(shape)
    return lambda tree: decode(tree, "")


def _decoder(shape: Shape) -> Decoder:
    if isinstance(shape, Structure):
        return _structure(shape)
    if isinstance(shape, ListOf):
        return _list(shape)
    return _scalar(shape)


def _structure(shape: Structure) -> Decoder:
    members = {m.request_name: (m.name, _decoder(m.shape)) for m in shape.members}
    required = tuple(m.request_name for m in shape.members if m.required and not isinstance(m.shape, ListOf))
    # An empty list and a missing one are the same on the wire; the action decides what an empty one means.
    lists = tuple(m.name for m in shape.members if m.required and isinstance(m.shape, ListOf))

    def decode(node: Node, path: str) -> dict[str, Any]:
        if isinstance(node, str):
            raise _invalid(path, node, f"members such as {path}.{next(iter(members), 'Name')}")
        values: dict[str, Any] = {}
        for key, child in node.items():
            if key not in members:
                raise _unknown(_join(path, key))
            name, decode_member = members[key]
            values[name] = decode_member(child, _join(path, key))
        for key in required:
            if key not in node:
                name = _join(path, key)
                raise InvalidInput(f"the request must contain the parameter {name}", code="MissingParameter")
        for name in lists:
            values.setdefault(name, [])
        return values

    return decode


def _list(shape: ListOf) -> Decoder:
    decode_element = _decoder(shape.element)

    def decode(node: Node, path: str) -> list[Any]:
        if isinstance(node, str):
            raise _invalid(path, node, f"a list such as {path}.1")
        for key in node:
            if not _INDEX.fullmatch(key):
                raise _unknown(_join(path, key))
            if int(key) > MAX_INDEX:
                raise _invalid(path, key, f"an index up to {MAX_INDEX}")
        return [decode_element(node[key], _join(path, key)) for key in sorted(node, key=int)]

    return decode


def _scalar(shape: Scalar) -> Decoder:
    convert, expected = _SCALARS[shape.type]

    def decode(node: Node, path: str) -> Any:
        if not isinstance(node, str):
            raise _unknown(_join(path, next(iter(node))))
        try:
            return convert(node)
        except (ValueError, OverflowError):
            raise _invalid(path, node, expected) from None

    return decode


def _integer(bits: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not -(1 << bits - 1) <= (value := int(text)) < 1 << bits - 1:
            raise ValueError(text)
        return value

    return convert


def _decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or math.isinf(value := float(text)):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _timestamp(text: str) -> datetime:
    utc_datetime = datetime.fromisoformat(text)
    return (utc_datetime if utc_datetime.tzinfo else utc_datetime.replace(tzinfo=UTC)).astimezone(UTC)


def _blob(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_SCALARS: dict[ScalarType, tuple[Callable[[str], Any], str]] = {
    ScalarType.STRING: (str, "text"),
    ScalarType.INTEGER: (_integer(32), "a whole number"),
    ScalarType.LONG: (_integer(64), "a whole number"),
    ScalarType.DOUBLE: (_decimal, "a number"),
    ScalarType.FLOAT: (_decimal, "a number"),
    ScalarType.BOOLEAN: (_boolean, "true or false"),
    ScalarType.TIMESTAMP: (_timestamp, "a time such as 2026-01-31T12:00:00Z"),
    ScalarType.BLOB: (_blob, "base64"),
}


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _unknown(name: str) -> CloudError:
    return InvalidInput(f"the parameter {name[:120]} is not recognized", code="UnknownParameter")


def _invalid(name: str, value: str, expected: str) -> CloudError:
    return InvalidInput(f"value ({value[:60]}) for parameter {name[:120]} is invalid; expected {expected}")
