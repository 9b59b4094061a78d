"""The parts that all pages share: head, brand, search box and footer."""

from __future__ import annotations

from server.query import CHARS_MAX
from vmhost.base.html_template import Html, fill

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/search.css">
<script src="/static/search.js" defer></script>
</head>
<body class="{kind}">
{body}
<footer><span>glasscloud: a small cloud that shows every request and every instance</span>
<span class="keys"><kbd>/</kbd> search <kbd>↓</kbd> <kbd>↑</kbd> results</span></footer>
</body>
</html>
"""
_CLOUD = Html(
    '<svg class="cloud" viewBox="0 0 64 44" aria-hidden="true">'
    '<path class="pane" d="M18 40a14 14 0 0 1-2-27.9A18 18 0 0 1 50 15a12.6 12.6 0 0 1-2 25z"/>'
    '<path class="shine" d="M14 27a7 7 0 0 1 6-7M24 14a11 11 0 0 1 9-6"/></svg>'
)
_BRAND = '<a class="brand" href="/" aria-label="glasscloud, start page">{cloud}<b>glass</b>cloud</a>'
_BOX = """<form action="/search" role="search">
<input type="search" name="q" value="{query}" maxlength="{most}" placeholder="Search lessons and Python docs"
 aria-label="Search" autocomplete="off" autocapitalize="none" spellcheck="false"{focus}>
<button type="submit" aria-label="Search">{glass}</button>
</form>"""
_GLASS = Html(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/></svg>'
)


def page(body: Html, *, title: str, kind: str) -> str:
    """A complete HTML document. `kind` is its class for the style sheet."""
    return fill(_PAGE, title=title, kind=kind, body=body)


def brand() -> Html:
    """The name, as a link to the start page."""
    return fill(_BRAND, cloud=_CLOUD)


def box(query: str = "", *, focus: bool = False) -> Html:
    """The search box."""
    return fill(_BOX, query=query, most=CHARS_MAX, focus=Html(" autofocus" if focus else ""), glass=_GLASS)


def top(query: str = "") -> Html:
    """The bar at the top of each page except the start page."""
    return fill("<header>{brand}{box}</header>", brand=brand(), box=box(query))
