"""The files that pages load: style sheet, script and icon."""

from __future__ import annotations

import functools
from importlib import resources

_TYPES = {
    "search.css": "text/css; charset=utf-8",
    "search.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@functools.cache
def asset(name: str) -> tuple[bytes, str] | None:
    """A file's bytes and content type, or None for an unknown name."""
    if name not in _TYPES:
        return None
    return resources.files("server.pages").joinpath("static", name).read_bytes(), _TYPES[name]
