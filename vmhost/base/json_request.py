"""Reads what people and programs send, as typed values; an error names the field and says what it must be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from vmhost.base.errors import InvalidInput

T = TypeVar("T")
NOT_EMPTY = msgspec.Meta(pattern=r"\S")
"""Of a text: more than spaces."""
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a JSON object",
    "array": "a list",
}
_FORMS = (
    (re.compile(r"of length <= (\d+)"), r"of at most \1 characters"),
    (re.compile(r"matching regex '\\\\S'"), "that is not empty"),
    (re.compile(r"<= (\S+)$"), r"of at most \1"),
    (re.compile(r">= (\S+)$"), r"of at least \1"),
    (re.compile(r"^Expected (.*), got (.*)$"), r"must be \1, not \2"),
    (re.compile(r"^Expected (.*)$"), r"must be \1"),
)


def decode_body(raw: bytes, kind: type[T]) -> T:
    """Return the JSON object in the body. Raises InvalidInput for anything else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(_sentence(str(error))) from None
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("the request body must be a JSON object") from None


def decode_query(query: Mapping[str, str], kind: type[T]) -> T:
    """Return the parameters of an address; texts become numbers where the type has numbers. Raises InvalidInput."""
    try:
        return msgspec.convert(dict(query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(_sentence(str(error))) from None


def _sentence(message: str) -> str:
    """Return msgspec's message in plain words: "Expected `int`, got `str` - at `$.count`" becomes "count must be …"."""
    text, _, path = message.partition(" - at `$")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return f"{missing[1]} is required"
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text):
        return f"{unknown[1][:40]} is not known"
    text = re.sub(
        r"`([^`]+)`", lambda kinds: " or ".join(_WORDS.get(each, each) for each in kinds[1].split(" | ")), text
    )
    for pattern, form in _FORMS:
        text = pattern.sub(form, text)
    return f"{path.strip('.`') or 'the request body'} {text[:1].lower()}{text[1:]}"
