"""Placeholders in a URL, a header or a body. Pure.

`{word}` becomes a value of the source of that name, `{user.email}` a column of its row, `${NAME}` the value of an
environment variable.
`{{word}}` and `$${NAME}` are sent as `{word}` and `${NAME}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from client.load.plan.model import Plan
from vmhost.base.errors import InvalidInput

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACE = re.compile(
    rf"\$\$\{{(?P<plain_variable>{_NAME})\}}"
    rf"|\$\{{(?P<variable>{_NAME})\}}"
    rf"|\{{\{{(?P<plain>{_NAME}(?:\.[A-Za-z0-9_-]+)?)\}}\}}"
    rf"|\{{(?P<source>{_NAME}(?:\.[A-Za-z0-9_-]+)?)\}}"
)


def sources_in(text: str) -> list[str]:
    """The placeholders that sources fill, such as "word" and "user.email", each as often as it is there."""
    return [match["source"] for match in _PLACE.finditer(text) if match["source"]]


def variables_in(text: str) -> list[str]:
    """The names of the environment variables in a text."""
    return [match["variable"] for match in _PLACE.finditer(text) if match["variable"]]


def fill(text: str, values: Mapping[str, str], variables: Mapping[str, str], *, quoted: bool = False) -> str:
    """The text with its placeholders filled, in one pass: nothing in a value is a placeholder.

    `quoted` escapes the values of sources for a URL; variables are put in as they are. Those without a value stay."""

    def value(match: re.Match[str]) -> str:
        if (plain := match["plain"]) is not None:
            return f"{{{plain}}}"
        if (plain := match["plain_variable"]) is not None:
            return f"${{{plain}}}"
        if (variable := match["variable"]) is not None:
            return variables.get(variable, match[0])
        found = values.get(match["source"])
        if found is None:
            return match[0]
        return quote(found, safe="") if quoted else found

    return _PLACE.sub(value, text)


def hide(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}` in place of each variable's value: for everything that is printed."""
    for name, value in sorted(variables.items(), key=lambda each: -len(each[1])):
        if value:
            text = text.replace(value, f"${{{name}}}")
    return text


def map_texts(data: object, change: Callable[[str], str]) -> object:
    """Plain data with each of its texts changed."""
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {map_texts(key, change): map_texts(value, change) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [map_texts(value, change) for value in data]
    return data


def variables_of(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that a plan names. Raises InvalidInput for one that is not set."""
    found = {}
    for name in (name for text in plan.texts for name in variables_in(text)):
        if name not in environ:
            raise InvalidInput(
                f"the environment variable {name} is not set, and the plan has ${{{name}}}: set it, or write"
                f" $${{{name}}} to send it as it is"
            )
        found[name] = environ[name]
    return found
