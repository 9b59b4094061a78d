"""Reads the JSON that the page sends."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from vmhost.base.errors import InvalidInput


async def json_body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body. Raises InvalidInput for anything else."""
    try:
        data = await request.json()
    except (ValueError, LookupError, RecursionError, web.RequestPayloadError):
        # A LookupError is an unknown charset, a payload error an unknown compression.
        data = None
    if not isinstance(data, dict):
        raise InvalidInput("the request body must be a JSON object")
    return data


def text_field(data: dict[str, Any], name: str, *, chars_max: int, default: str | None = None) -> str:
    """Return the field's text.

    Raises InvalidInput if it is not Unicode text, is too long, or is missing without a default."""
    value = data.get(name, default)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text, not {str(value)[:40]!r}")
    if len(value) > chars_max:
        raise InvalidInput(f"{name} has {len(value)} characters; the maximum is {chars_max}")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(f"{name} is not valid Unicode text")
    return value
