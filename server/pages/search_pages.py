"""The search pages, each a pure function that returns a complete HTML document, and the files that they load."""

from __future__ import annotations

import functools
import re
from importlib import resources
from urllib.parse import quote_plus

from server.api.results import HITS_MAX, PAGE_SIZE, Document, Hit, SearchAnswer
from server.api.timing import RequestTrace
from server.pages.waterfall import ms, panel, summary
from server.query import CHARS_MAX
from vmhost.base.errors import CloudError
from vmhost.base.html_template import Html, fill, join

_TYPES = {
    "search.css": "text/css; charset=utf-8",
    "search.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
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
_BRAND = Html(
    '<a class="brand" href="/" aria-label="glasscloud, start page">'
    '<svg class="cloud" viewBox="0 0 64 44" aria-hidden="true">'
    '<path class="pane" d="M18 40a14 14 0 0 1-2-27.9A18 18 0 0 1 50 15a12.6 12.6 0 0 1-2 25z"/>'
    '<path class="shine" d="M14 27a7 7 0 0 1 6-7M24 14a11 11 0 0 1 9-6"/></svg>'
    "<b>glass</b>cloud</a>"
)
_BOX = """<form action="/search" role="search">
<input type="search" name="q" value="{query}" maxlength="{most}" placeholder="Search lessons and Python docs"
 aria-label="Search" autocomplete="off" autocapitalize="none" spellcheck="false"{focus}>
<button type="submit" aria-label="Search">{glass}</button>
</form>"""
_GLASS = Html(
    '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5 5"/></svg>'
)
_UNDERLINE = re.compile(r"([=\-~*^])\1{2,}")
_ITEM = re.compile(r"[-*•] +(?=\S)")
_ALIGNED = re.compile(r"[^\s.!?:]  \S|\S {3,}\S")
"""Columns aligned by spaces. Two spaces after the end of a sentence do not count."""
_IDEAS = ("hypervisor", "what is a server", "load balancer", "tail latency", "asyncio.create_task")
_CONTENT_KINDS = {"lesson": "Lesson", "topic": "Language", "page": "Page"}
_HOME = """<main><h1>{brand}</h1>
{box}
<p class="ideas">{ideas}</p>
<p class="hint">Every answer shows which instances produced it and how long each step took.</p></main>"""
_RESULTS = """{top}<main>
<p class="stats">{total} {noun} ({took}) <span>{who}</span></p>
{banner}{hits}{pager}{panel}</main>"""
_HIT = """<li><a class="hit" href="{url}"><cite>{url}</cite><h2>{title}</h2></a>
<p><span class="kind">{kind}</span> {snippet}</p></li>"""
_NONE = """<div class="none"><p>No document matches <b>{query}</b>.</p>
<ul><li>Check the spelling.</li><li>Try fewer words, or other words.</li></ul></div>"""
_PARTIAL = Html(
    '<p class="banner" role="status"><b>One part of the index did not answer in time.</b>'
    " These results come from the other shards. Search again to get all of them.</p>"
)
_DOCUMENT = """{top}<main><article class="{kind}"><p class="address"><span class="kind">{shown_kind}</span> {url}</p>
<h1>{title}</h1>
{body}</article>{panel}</main>"""
_PROBLEM = """{top}<main><div class="problem"><p class="code">{status}</p><h1>{headline}</h1>
<p>{message}.</p>{help}</div></main>"""
_LANGUAGE = Html(
    "<p>You can search for words and <code>&quot;phrases in quotation marks&quot;</code>, exclude a <code>-word</code>,"
    " or look for <code>this OR that</code>.</p>"
)
_HEADLINES = {
    400: "This query is not valid",
    404: "Not found",
    503: "No instance can answer right now",
    504: "The search took too long",
}


def render_home() -> str:
    """The start page."""
    ideas = [fill('<a href="/search?q={q}">{idea}</a>', q=quote_plus(idea), idea=idea) for idea in _IDEAS]
    body = fill(_HOME, brand=_BRAND, box=_box(focus=True), ideas=join(ideas, "\n"))
    return _page(body, title="glasscloud search", kind="home")


def render_results(answer: SearchAnswer, trace: RequestTrace, number: int) -> str:
    """One page of an answer's hits, numbered from 1, with the trace of the request."""
    body = fill(
        _RESULTS,
        top=_top(answer.query),
        total=f"{answer.total:,}",
        noun="result" if answer.total == 1 else "results",
        took=ms(trace.total_ms),
        who=summary(trace),
        banner=_PARTIAL if answer.partial else Html(""),
        hits=_hits(answer, number),
        pager=_pager(answer, number),
        panel=panel(trace),
    )
    return _page(body, title=f"{answer.query} - glasscloud search", kind="results")


def _hits(answer: SearchAnswer, number: int) -> Html:
    if not answer.hits:
        beyond = answer.total > 0 and number > 1
        return Html('<p class="none">There are no more results.</p>') if beyond else fill(_NONE, query=answer.query)
    first = (number - 1) * PAGE_SIZE + 1
    return fill('<ol start="{first}">{hits}</ol>', first=first, hits=join([_hit(hit) for hit in answer.hits], "\n"))


def _hit(hit: Hit) -> Html:
    pieces = [fill("<mark>{text}</mark>" if sought else "{text}", text=text) for text, sought in hit.snippet]
    url = hit.url if hit.url.startswith("/doc/") else "/"
    return fill(_HIT, url=url, title=hit.title, kind=_kind(hit.kind), snippet=join(pieces))


def _kind(kind: str) -> str:
    return _CONTENT_KINDS.get(kind, f"Python {kind}" if kind else "")


def _pager(answer: SearchAnswer, number: int) -> Html:
    pages = min(-(-answer.total // PAGE_SIZE), HITS_MAX // PAGE_SIZE)
    if pages <= 1:
        return Html("")
    places = [_step(answer.query, number - 1, "‹ Previous", "prev")] if number > 1 else []
    for each in range(1, pages + 1):
        here = fill('<b aria-current="page">{number}</b>', number=each)
        places.append(here if each == number else _step(answer.query, each, str(each), ""))
    if number < pages:
        places.append(_step(answer.query, number + 1, "Next ›", "next"))
    truncated = number == pages and answer.total > HITS_MAX
    note = fill(
        '<p class="note">Only the first {most} results are listed. Add words to narrow the search.</p>', most=HITS_MAX
    )
    return fill(
        '<nav aria-label="Pages">{places}</nav>{note}', places=join(places, "\n"), note=note if truncated else Html("")
    )


def _step(query: str, number: int, text: str, rel: str) -> Html:
    return fill(
        '<a href="/search?q={q}&amp;page={number}"{rel}>{text}</a>',
        q=quote_plus(query, errors="replace"),
        number=number,
        rel=fill(' rel="{rel}"', rel=rel) if rel else Html(""),
        text=text,
    )


def render_document(document: Document, trace: RequestTrace) -> str:
    """A page with one document."""
    body = fill(
        _DOCUMENT,
        top=_top(),
        kind=document.kind,
        shown_kind=_kind(document.kind),
        url=document.url,
        title=document.title,
        body=text_to_html(document.body),
        panel=panel(trace),
    )
    return _page(body, title=f"{document.title} - glasscloud", kind="document")


def render_error(error: CloudError, query: str) -> str:
    """A page for an error, with the search box to try again. An empty query gets the start page."""
    if error.code == "QueryEmpty" and not query.strip():
        return render_home()
    headline = _HEADLINES.get(error.status, "Something went wrong")
    message = error.message[:1].upper() + error.message[1:].rstrip(".")
    body = fill(
        _PROBLEM,
        top=_top(query),
        status=error.status,
        headline=headline,
        message=message,
        help=_LANGUAGE if error.status == 400 else Html('<p><a href="/">Go to the start page</a></p>'),
    )
    return _page(body, title=f"{headline} - glasscloud", kind="error")


def _page(body: Html, *, title: str, kind: str) -> str:
    """A complete HTML document. `kind` is its class for the style sheet."""
    return fill(_PAGE, title=title, kind=kind, body=body)


def _box(query: str = "", *, focus: bool = False) -> Html:
    """The search box."""
    return fill(_BOX, query=query, most=CHARS_MAX, focus=Html(" autofocus" if focus else ""), glass=_GLASS)


def _top(query: str = "") -> Html:
    """The bar at the top of each page except the start page."""
    return fill("<header>{brand}{box}</header>", brand=_BRAND, box=_box(query))


def text_to_html(text: str) -> Html:
    """Convert headings, paragraphs, lists and code; text that is aligned by hand keeps its lines."""
    parts: list[Html] = []
    code: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [line.rstrip() for line in block.expandtabs().splitlines() if line.strip()]
        if lines and _is_code(lines):
            code.append("\n".join(lines))
            continue
        parts += _code(code)
        code = []
        if lines:
            parts += _block(lines)
    return join([*parts, *_code(code)], "\n")


def _is_code(lines: list[str]) -> bool:
    return all(line.startswith("  ") for line in lines) or lines[0].lstrip().startswith(">>>")


def _code(blocks: list[str]) -> list[Html]:
    if not blocks:
        return []
    lines = "\n\n".join(blocks).split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines if line)
    return [fill("<pre>{text}</pre>", text="\n".join(line[margin:] for line in lines))]


def _block(lines: list[str]) -> list[Html]:
    if len(lines) >= 2 and _UNDERLINE.fullmatch(lines[1]):
        rest = lines[2:]
        return [fill("<h2>{text}</h2>", text=lines[0].strip()), *(_block(rest) if rest else [])]
    if _ITEM.match(lines[0]):
        return [_list(lines)]
    if any(line.startswith(" ") or _ALIGNED.search(line) for line in lines):
        return [fill('<p class="lines">{text}</p>', text="\n".join(lines))]
    return [fill("<p>{text}</p>", text="\n".join(lines))]


def _list(lines: list[str]) -> Html:
    items: list[str] = []
    for line in lines:
        if _ITEM.match(line):
            items.append(_ITEM.sub("", line, count=1))
        else:
            items[-1] += " " + line.strip()
    return fill("<ul>{items}</ul>", items=join(fill("<li>{text}</li>", text=item) for item in items))


@functools.cache
def asset(name: str) -> tuple[bytes, str] | None:
    """A file's bytes and content type, or None for an unknown name."""
    if name not in _TYPES:
        return None
    return resources.files("server.pages").joinpath("static", name).read_bytes(), _TYPES[name]
