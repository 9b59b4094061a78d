"""Parses query forms into trees: `Filter.1.Value.2=x` becomes {"Filter": {"1": {"Value": {"2": "x"}}}}."""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from vmhost.base.errors import InvalidInput

MAX_FIELDS = 10_000
MAX_DEPTH = 24
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Tree: TypeAlias = "dict[str, str | Tree]"


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
