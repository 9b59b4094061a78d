"""The page's files: read once, compressed once, answered with a tag so that a browser asks for each only once."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_COMPRESSED_FROM = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file."""

    kind: str
    plain: bytes
    packed: bytes
    tag: str

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The file, or that the browser has it already."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "Content-Type": self.kind}
        if request.headers.get("If-None-Match") == self.tag:
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(self.plain) >= _COMPRESSED_FROM:
            return web.Response(body=self.packed, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self.plain, headers=headers)


def load_assets() -> dict[str, Asset]:
    """Every file that browsers may ask for, by its path below the assets' folder."""
    return dict(_below(resources.files("client.console") / "assets", ""))


def _below(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{prefix}{each.name}"
        if each.is_dir():
            found += _below(each, f"{path}/")
        elif (kind := _TYPES.get(path[path.rfind(".") :])) is not None:
            found.append((path, _asset(each.read_bytes(), kind)))
    return found


def _asset(plain: bytes, kind: str) -> Asset:
    tag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
    return Asset(kind=kind, plain=plain, packed=gzip.compress(plain, 9, mtime=0), tag=tag)
