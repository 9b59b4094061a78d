"""Phones get the files of their own page and no others."""

from __future__ import annotations

import pytest

from client.console.assets import Asset, load_assets, required_files


def asset(text: str) -> Asset:
    return Asset(content_type="", content=text.encode(), gzipped=b"", etag="")


def test_imports_of_every_form_are_found() -> None:
    files = {
        "audience/audience.html": '<link href="/assets/a.css"><script src="/assets/audience/a.js"></script>',
        "a.css": '@import "style/b.css";\np { color: red; }',
        "style/b.css": "",
        "audience/a.js": 'import { x,\n  y } from "../lib/b.js";\nexport const f = () => "lib/other.js";',
        "lib/b.js": 'export { c } from "./c.js";\nexport const text = "other.js";',
        "lib/c.js": "",
        "lib/other.js": "",
        "app.js": "",
    }
    found = required_files({path: asset(text) for path, text in files.items()})
    assert sorted(found) == sorted(files.keys() - {"lib/other.js", "app.js"})


def test_an_import_of_nothing_is_noticed_at_once() -> None:
    with pytest.raises(KeyError, match=r"lib/missing\.js"):
        required_files({"audience/audience.html": asset('<script src="/assets/lib/missing.js">')})


def test_console_pages_not_served_to_audience() -> None:
    found = required_files(load_assets())
    assert "audience/audience.js" in found
    assert not found.keys() & {
        "index.html",
        "app.js",
        "pages.js",
        "share/panel.js",
        "overview/experiments.js",
        "events/event_log.js",
    }
    assert sum(len(each.gzipped) for each in found.values()) < 60_000
