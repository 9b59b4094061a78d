"""The pages, each a pure function that returns a complete HTML document."""

from __future__ import annotations

from urllib.parse import quote_plus

from server.api.results import HITS_MAX, PAGE_SIZE, Document, Hit, SearchAnswer
from server.api.timing import RequestTrace
from server.pages.layout import box, brand, page, top
from server.pages.text_to_html import text_to_html
from server.pages.waterfall import ms, panel, summary
from vmhost.base.errors import CloudError
from vmhost.base.html_template import Html, fill, join

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
    body = fill(_HOME, brand=brand(), box=box(focus=True), ideas=join(ideas, "\n"))
    return page(body, title="glasscloud search", kind="home")


def render_results(answer: SearchAnswer, trace: RequestTrace, number: int) -> str:
    """One page of an answer's hits, numbered from 1, with the trace of the request."""
    body = fill(
        _RESULTS,
        top=top(answer.query),
        total=f"{answer.total:,}",
        noun="result" if answer.total == 1 else "results",
        took=ms(trace.total_ms),
        who=summary(trace),
        banner=_PARTIAL if answer.partial else Html(""),
        hits=_hits(answer, number),
        pager=_pager(answer, number),
        panel=panel(trace),
    )
    return page(body, title=f"{answer.query} - glasscloud search", kind="results")


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
        top=top(),
        kind=document.kind,
        shown_kind=_kind(document.kind),
        url=document.url,
        title=document.title,
        body=text_to_html(document.body),
        panel=panel(trace),
    )
    return page(body, title=f"{document.title} - glasscloud", kind="document")


def render_error(error: CloudError, query: str) -> str:
    """A page for an error, with the search box to try again. An empty query gets the start page."""
    if error.code == "QueryEmpty" and not query.strip():
        return render_home()
    headline = _HEADLINES.get(error.status, "Something went wrong")
    message = error.message[:1].upper() + error.message[1:].rstrip(".")
    body = fill(
        _PROBLEM,
        top=top(query),
        status=error.status,
        headline=headline,
        message=message,
        help=_LANGUAGE if error.status == 400 else Html('<p><a href="/">Go to the start page</a></p>'),
    )
    return page(body, title=f"{headline} - glasscloud", kind="error")
