"""A Query form's bytes as a tree: `Filter.1.Value.2=x` becomes {"Filter": {"1": {"Value": {"2": "x"}}}}. Bounded."""

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
    """The form as a tree of its dotted names.

    Raises InvalidInput (MalformedQueryString, InvalidParameterValue) for bytes that are no form, names given twice,
    and characters that no XML answer could repeat."""
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
            f"the body is no form of at most {MAX_FIELDS} fields; expected application/x-www-form-urlencoded UTF-8",
            code="MalformedQueryString",
        ) from None
    root: Tree = {}
    for name, value in pairs:
        _put(root, name, value)
    return root


def _put(root: Tree, name: str, value: str) -> None:
    if _NOT_XML.search(name) or _NOT_XML.search(value):
        raise InvalidInput(f"parameter {name[:80]!r} holds a control character; expected text that XML can carry")
    *path, last = name.split(".", MAX_DEPTH)
    node = root
    for part in path:
        child = node.setdefault(part, {})
        if isinstance(child, str):
            raise InvalidInput(f"parameter {name[:80]} is given both as a value and as a structure; expected one")
        node = child
    if last in node:
        raise InvalidInput(f"parameter {name[:80]} is given twice; expected once")
    node[last] = value
