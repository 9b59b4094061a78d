"""The page's files, each read and compressed once and served with an entity tag; our scripts without their types."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from urllib.parse import urljoin

from aiohttp import web

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_COMPRESSED_FROM = 1024
AUDIENCE_PAGE = "audience/audience.html"
_ROOT = "/assets/"
_VENDOR = "vendor/"
_JSDOC = re.compile(rb"(?ms)^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*$")
"""A comment that has its lines to itself; one before or after code stays."""
_IMPORTS = {
    ".html": re.compile(r'(?:href|src)="([^"]+)"'),
    ".js": re.compile(r'(?m)^(?:import|export)\s[^;"]*\bfrom\s+"([^"]+)"'),
    ".css": re.compile(r'@import "([^"]+)"'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file."""

    content_type: str
    content: bytes
    gzipped: bytes
    etag: str

    def respond(self, request: web.BaseRequest) -> web.Response:
        """Return the file, or 304 if the browser has it already."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        headers["Content-Type"] = self.content_type
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(self.content) >= _COMPRESSED_FROM:
            return web.Response(body=self.gzipped, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self.content, headers=headers)


def load_assets() -> dict[str, Asset]:
    """Return every file that browsers may request, by its path below the assets folder."""
    return dict(_files(resources.files("client.console") / "assets", ""))


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{prefix}{each.name}"
        if each.is_dir():
            found += _files(each, f"{path}/")
        elif (content_type := _TYPES.get(path[path.rfind(".") :])) is not None:
            content = each.read_bytes()
            is_ours = path.endswith(".js") and not path.startswith(_VENDOR)
            found.append((path, _asset(without_types(content) if is_ours else content, content_type)))
    return found


def without_types(script: bytes) -> bytes:
    """Return a script without its JSDoc comments, which are for developers; each line keeps its number. Pure."""
    return _JSDOC.sub(lambda comment: b"\n" * comment[0].count(b"\n"), script)


def _asset(content: bytes, content_type: str) -> Asset:
    etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    return Asset(content_type=content_type, content=content, gzipped=gzip.compress(content, 9, mtime=0), etag=etag)


def required_files(assets: Mapping[str, Asset]) -> dict[str, Asset]:
    """Return the audience's page and all that it and its parts import: what phones may request.

    Raises KeyError for a missing file."""
    found: dict[str, Asset] = {}
    pending = [AUDIENCE_PAGE]
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found[path] = assets[path]
        pattern = _IMPORTS.get(posixpath.splitext(path)[1])
        names = pattern.findall(assets[path].content.decode()) if pattern is not None else []
        pending += [urljoin(_ROOT + path, name).removeprefix(_ROOT) for name in names]
    return found
