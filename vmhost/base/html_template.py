"""HTML templates whose parts are escaped unless they are HTML already. All our HTML is made here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Html(str):
    """Text that is HTML already and needs no escaping."""

    __slots__ = ()


def fill(template: str, **parts: object) -> Html:
    """Replace each `{name}` in the template by that part: HTML as it is, anything else escaped.

    Attribute values in templates must stand in double quotes, so that an escaped part cannot end them."""
    return Html(template.format_map({name: escape(part) for name, part in parts.items()}))


def escape(part: object) -> Html:
    """Return the part as HTML text; characters that HTML does not allow become U+FFFD."""
    if isinstance(part, Html):
        return part
    return Html(html.escape(_CONTROL.sub("\ufffd", str(part))))


def join(parts: Iterable[Html], between: str = "") -> Html:
    """Join the parts; `between` is not escaped."""
    return Html(between.join(parts))
