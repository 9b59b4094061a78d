"""Vendored files are those in the manifests, and the console's pages may load them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "client/console/assets/vendor"
FOLDERS = (SHIPPED, ROOT / "tests/vendor")
ENTRIES = [
    pytest.param(folder, entry, id=entry["path"])
    for folder in FOLDERS
    for entry in tomllib.loads((folder / "vendor.toml").read_text())["file"]
]
# The console's policy forbids the first two; a comment or a namespace may have an address in it, a load may not.
EVALUATES = re.compile(r"\beval\s*\(|\bnew\s+Function\b|\bset(?:Timeout|Interval)\(\s*[\"'`]")
LOADS = re.compile(
    r"""(?:\bimport\b|\bfrom\b|\bfetch\(|\bimportScripts\(|\.open\(|\bsrc\s*=|\bhref\s*=|\burl\()[^\n;]{0,20}?["'(`]\s*(?:https?:)?//""",
)
STYLE_ELEMENT = re.compile(r"""createElement(?:NS)?\([^)]*["'`]style["'`]""")


@pytest.mark.parametrize(("folder", "entry"), ENTRIES)
def test_a_file_is_the_one_that_was_published(folder: Path, entry: dict[str, str]) -> None:
    assert hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["path"].startswith(f"{entry['package']}-{entry['version']}/") or "LICENSE-" in entry["path"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_manifest_lists_every_file_and_licence(folder: Path) -> None:
    named = {entry["path"] for entry in tomllib.loads((folder / "vendor.toml").read_text())["file"]}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == named | {"vendor.toml"}
    assert {f"{Path(path).parent}/LICENSE" for path in named} <= named


@pytest.mark.parametrize("path", sorted([*SHIPPED.rglob("*.js"), *SHIPPED.rglob("*.css")]), ids=lambda path: path.name)
def test_vendored_files_respect_content_security_policy(path: Path) -> None:
    text = path.read_text()
    for forbidden in (EVALUATES, LOADS, STYLE_ELEMENT):
        assert not (found := forbidden.search(text)), f"{path.name}: {found}"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (EVALUATES, "x = eval ('1')"),
        (EVALUATES, 'return new Function("a", b)'),
        (EVALUATES, "setTimeout('tick()', 5)"),
        (LOADS, 'import{h}from"https://cdn.example/preact.js"'),
        (LOADS, "fetch('//cdn.example/a.json')"),
        (LOADS, "@import url(http://fonts.example/a.css);"),
        (LOADS, 'image.src = "https://cdn.example/a.png"'),
        (STYLE_ELEMENT, 'document.createElement("style")'),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_patterns_ignore_addresses_in_comments() -> None:
    assert not LOADS.search('// from https://stackoverflow.com/a/1\nconst ns = "http://www.w3.org/2000/svg";')
