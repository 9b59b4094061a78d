"""The size of the files that a browser loads first, compressed as they are served."""

from __future__ import annotations

import posixpath
import re
from importlib import resources
from pathlib import Path

from client.console.assets import Asset, load_assets, without_types

BYTES_MAX = 90_000
"""Of the 150 kB of a first load; the rest is left to the stream's first whole of a large cloud."""
HEADER_BYTES = 450
"""What the headers of an answer with a script weigh."""
_IN_PAGE = re.compile(r'(?:href|src)="/assets/([^"]+)"')
_IMPORTED = re.compile(r'(?:\bfrom|\bimport|@import)\s*"([^"]+)"')
_STARTED = re.compile(r'^import\("([^"]+)"\)', re.MULTILINE)
_FIRST = "start.js"
"""Loads all the rest at once; what pages import like that they load when they are opened."""


def loaded(assets: dict[str, Asset]) -> set[str]:
    """All that the page's first look needs: what it names, what that imports, and so on."""
    found, next_ones = set[str](), {"index.html", *_IN_PAGE.findall(assets["index.html"].content.decode())}
    while next_ones:
        path = next_ones.pop()
        found.add(path)
        if path.endswith((".js", ".css")):
            text = assets[path].content.decode()
            folder = posixpath.dirname(path)
            imported = (*_IMPORTED.findall(text), *(_STARTED.findall(text) if path == _FIRST else ()))
            names = {posixpath.normpath(posixpath.join(folder, name)) for name in imported}
            next_ones |= names & set(assets) - found
    return found


def test_first_load_is_small() -> None:
    assets = load_assets()
    sizes = {path: HEADER_BYTES + min(len(assets[path].content), len(assets[path].gzipped)) for path in loaded(assets)}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert sum(sizes.values()) <= BYTES_MAX, f"{sum(sizes.values())} bytes; the largest: {largest}"


def test_every_kind_of_import_is_followed() -> None:
    assert {
        "index.html",
        "icon.svg",
        "app.js",
        "style/base.css",
        "style/overview.css",
        "lib/store.js",
        "overview/instance_card.js",
        "vendor/htm-3.1.1/standalone.module.js",
    } <= loaded(load_assets())


def test_types_are_left_out_and_lines_keep_their_numbers() -> None:
    script = b"""/** @param {number} a
 *  @returns {number} */
export function twice(a) {
  const b = a * 2; /** stays: it shares its line */
  /** @type {A} */ (b).stays();
  /** goes */
  return b; // stays too
}
"""
    served = b"""

export function twice(a) {
  const b = a * 2; /** stays: it shares its line */
  /** @type {A} */ (b).stays();

  return b; // stays too
}
"""
    assert without_types(script) == served


def test_only_comments_are_left_out() -> None:
    for path in Path(str(resources.files("client.console") / "assets")).rglob("*.js"):
        if "vendor" not in path.parts:
            script = path.read_bytes()
            lines = zip(script.split(b"\n"), without_types(script).split(b"\n"), strict=True)
            changed = [source for source, served in lines if source != served]
            assert [line for line in changed if not line.lstrip().startswith((b"/**", b"*"))] == [], path
