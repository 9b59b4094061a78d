"""The documentation names only files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *(DOCS / "adr").glob("*.md")])
_PATH = re.compile(r"(?<![\w/.-])(?:bench|client|docs|scripts|server|tests|vmhost)/[\w/-]+(?:\.\w+)?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    named = _PATH.findall(page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
