"""The files that phones may request: the audience's page and everything that it imports."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from client.console.assets import Asset

PAGE = "audience/audience.html"
_ROOT = "/assets/"
_IMPORTS = {
    ".html": re.compile(r'(?:href|src)="([^"]+)"'),
    ".js": re.compile(r'(?m)^(?:import|export)\s[^;"]*\bfrom\s+"([^"]+)"'),
    ".css": re.compile(r'@import "([^"]+)"'),
}


def required_files(assets: Mapping[str, Asset]) -> dict[str, Asset]:
    """Return the page and all that it and its parts import, by path. Raises KeyError for a missing file."""
    found: dict[str, Asset] = {}
    pending = [PAGE]
    while pending:
        path = pending.pop()
        if path not in found:
            found[path] = assets[path]
            pending += _imports(path, assets[path])
    return found


def _imports(path: str, asset: Asset) -> list[str]:
    pattern = _IMPORTS.get(posixpath.splitext(path)[1])
    if pattern is None:
        return []
    return [_resolved(path, name) for name in pattern.findall(asset.content.decode())]


def _resolved(path: str, name: str) -> str:
    if name.startswith(_ROOT):
        return name.removeprefix(_ROOT)
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
