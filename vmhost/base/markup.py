"""The one way to make HTML: templates whose parts are escaped unless they are HTML already."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Html(str):
    """Text that may stand in a page as it is."""

    __slots__ = ()


def fill(template: str, **parts: object) -> Html:
    """The template with each `{name}` replaced by that part: HTML as it is, anything else as escaped text.

    Attribute values in templates stand in double quotes, so that an escaped part cannot leave them."""
    return Html(template.format_map({name: escape(part) for name, part in parts.items()}))


def escape(part: object) -> Html:
    """The part as HTML that shows it; characters that no page may hold become U+FFFD."""
    if isinstance(part, Html):
        return part
    return Html(html.escape(_CONTROL.sub("\ufffd", str(part))))


def join(parts: Iterable[Html], between: str = "") -> Html:
    """The parts one after another; `between` is trusted."""
    return Html(between.join(parts))
