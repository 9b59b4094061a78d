"""The files that phones may ask for: the audience's page and what it imports, found by following it; no others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from client.console.assets import Asset

PAGE = "audience/audience.html"
_ROOT = "/assets/"
_NAMED = {
    ".html": re.compile(r'(?:href|src)="([^"]+)"'),
    ".js": re.compile(r'(?m)^(?:import|export)\s[^;"]*\bfrom\s+"([^"]+)"'),
    ".css": re.compile(r'@import "([^"]+)"'),
}


def needed(assets: Mapping[str, Asset]) -> dict[str, Asset]:
    """The page and all that it and its parts import, by path. Raises KeyError for a file that is not there."""
    found: dict[str, Asset] = {}
    ahead = [PAGE]
    while ahead:
        path = ahead.pop()
        if path not in found:
            found[path] = assets[path]
            ahead += _imports(path, assets[path])
    return found


def _imports(path: str, asset: Asset) -> list[str]:
    pattern = _NAMED.get(posixpath.splitext(path)[1])
    if pattern is None:
        return []
    return [_resolved(path, name) for name in pattern.findall(asset.plain.decode())]


def _resolved(path: str, name: str) -> str:
    if name.startswith(_ROOT):
        return name.removeprefix(_ROOT)
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
