"""Reading what the page sent."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from vmhost.base.errors import InvalidInput


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises InvalidInput for anything else."""
    try:
        data = await request.json()
    except (ValueError, LookupError, RecursionError, web.RequestPayloadError):
        # A LookupError is a charset that nobody knows, a payload error a body that is packed in no way we know.
        data = None
    if not isinstance(data, dict):
        raise InvalidInput("the body is no JSON object; expected one")
    return data


def text_of(data: dict[str, Any], name: str, *, chars_max: int, default: str | None = None) -> str:
    """The text of that name.

    Raises InvalidInput where it is no Unicode text, is too long, or is missing without a default."""
    value = data.get(name, default)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is {str(value)[:40]!r}; expected text")
    if len(value) > chars_max:
        raise InvalidInput(f"{name} has {len(value)} characters; expected at most {chars_max}")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(f"{name} has characters that no text may have; expected Unicode")
    return value
