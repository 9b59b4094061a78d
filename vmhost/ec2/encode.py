"""Encodes dicts as EC2's XML by the operation's output shape, and errors in EC2's envelope.

Written by hand, because botocore has only the client's side: it decodes responses."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from vmhost.ec2.service_model import ListOf, Operation, Scalar, ScalarType, Shape, Structure

Write: TypeAlias = Callable[[Any, list[str]], None]

XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = re.compile("[&<>]|[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def encoder(operation: Operation, namespace: str) -> Callable[[Mapping[str, Any], str], bytes]:
    """Return a function that encodes a response (by member names; None is omitted) and a request id."""
    write = _structure(operation.output) if operation.output else _success
    name = f"{operation.name}Response"

    def encode(response: Mapping[str, Any], request_id: str) -> bytes:
        out = [XML_DECLARATION, f'<{name} xmlns="{namespace}/"><requestId>{escape(request_id)}</requestId>']
        write(response, out)
        out.append(f"</{name}>")
        return "".join(out).encode()

    return encode


def encode_error(code: str, message: str, request_id: str) -> bytes:
    """Encode an error response."""
    return (
        f"{XML_DECLARATION}<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error></Errors><RequestID>{escape(request_id)}</RequestID></Response>"
    ).encode()


def escape(text: str) -> str:
    """Escape text for XML; characters that XML does not allow become U+FFFD."""
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text) if _SPECIAL.search(text) else text


def _success(_: Mapping[str, Any], out: list[str]) -> None:
    out.append("<return>true</return>")


def _structure(shape: Structure) -> Write:
    texts = {m.name: (m.tag, _TEXTS[m.shape.type]) for m in shape.members if isinstance(m.shape, Scalar)}
    nested = {m.name: (m.tag, _write(m.shape)) for m in shape.members if not isinstance(m.shape, Scalar)}

    def write(value: Mapping[str, Any], out: list[str]) -> None:
        for name, item in value.items():
            if item is None:
                continue
            if name in texts:
                tag, text = texts[name]
                out.append(f"<{tag}>{text(item)}</{tag}>")
            else:
                tag, write_member = nested[name]
                out.append(f"<{tag}>")
                write_member(item, out)
                out.append(f"</{tag}>")

    return write


def _write(shape: Shape) -> Write:
    if isinstance(shape, Structure):
        return _structure(shape)
    if isinstance(shape, ListOf):
        return _list(shape)
    text = _TEXTS[shape.type]
    return lambda value, out: out.append(text(value))


def _list(shape: ListOf) -> Write:
    write_element = _write(shape.element)
    opening, closing = f"<{shape.element_tag}>", f"</{shape.element_tag}>"

    def write(value: list[Any], out: list[str]) -> None:
        for item in value:
            out.append(opening)
            write_element(item, out)
            out.append(closing)

    return write


def timestamp(value: datetime) -> str:
    """Format a time as EC2 does: UTC with milliseconds and Z."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


_TEXTS: Mapping[ScalarType, Callable[[Any], str]] = {
    ScalarType.STRING: escape,
    ScalarType.INTEGER: str,
    ScalarType.LONG: str,
    ScalarType.DOUBLE: repr,
    ScalarType.FLOAT: repr,
    ScalarType.BOOLEAN: lambda value: "true" if value else "false",
    ScalarType.TIMESTAMP: timestamp,
    ScalarType.BLOB: lambda value: base64.b64encode(value).decode(),
}
