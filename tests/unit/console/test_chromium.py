"""Which Chromium is used."""

from __future__ import annotations

import pytest

from bench.chromium import NAMES, program


@pytest.mark.parametrize(
    ("environ", "there", "path"),
    [
        ({}, {"chromium": "/usr/bin/chromium", "google-chrome": "/opt/chrome"}, "/usr/bin/chromium"),
        ({}, {"google-chrome": "/opt/chrome"}, "/opt/chrome"),
        ({}, {NAMES[-1]: NAMES[-1]}, NAMES[-1]),
        ({"CHROMIUM": "mine"}, {"chromium": "/usr/bin/chromium", "mine": "/home/me/mine"}, "/home/me/mine"),
        ({"CHROMIUM": "mine"}, {"chromium": "/usr/bin/chromium"}, None),
        ({"CHROMIUM": ""}, {"chromium": "/usr/bin/chromium"}, "/usr/bin/chromium"),
        ({}, {"firefox": "/usr/bin/firefox"}, None),
    ],
)
def test_named_browser_or_first_installed(environ: dict[str, str], there: dict[str, str], path: str | None) -> None:
    assert program(environ, there.get) == path
