"""The pages: their content, that all text is escaped, and that they load nothing from other sites."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from server.api.results import Document, Hit, SearchAnswer
from server.api.timing import Attempt, RequestTrace
from server.pages.search_pages import asset, render_document, render_error, render_home, render_results
from server.query import parse
from vmhost.base.errors import CloudError, Internal, InvalidInput, NotFound, Unavailable

EVIL = """<script>alert(1)</script>"'&<img src=x onerror=alert(2)>{title}\x00\ud800"""
HIT = Hit(
    id="lesson.hypervisor",
    title="What is a hypervisor?",
    url="/doc/lesson.hypervisor",
    kind="lesson",
    snippet=(("A ", False), ("hypervisor", True), (" runs virtual machines", False)),
    score=3.5,
)
ANSWER = SearchAnswer(query="hypervisor", total=123, took_ms=3.0, partial=False, hits=(HIT,))


def attempt(number: int, shard: int, **more: Any) -> Attempt:
    made = Attempt(
        instance_id=f"i-{number}a12b34c56d78e9f0",
        type="t3.nano",
        host=f"host-{'ab'[number % 2]}",
        shard=shard,
        start_ms=0.2,
        dur_ms=2.0,
        search_ms=1.0,
    )
    return replace(made, **more)


TRACE = RequestTrace(trace_id="ab" * 16, total_ms=3.42, frontend_ms=0.5, attempts=(attempt(0, 0), attempt(1, 1)))


class Reader(HTMLParser):
    """Tags, attributes and text of a page; checks that tags are closed in order."""

    _VOID = frozenset({"meta", "link", "input", "rect", "path", "circle", "br", "img"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def every_page(text: str = "plain", trace: RequestTrace = TRACE) -> list[str]:
    hit = replace(HIT, title=text, kind=text, url=f"/doc/{text}", snippet=((text, True), (text, False)))
    document = Document(id="page.x", title=text, kind=text, body=f"{text}\n\n    {text}\n\n- {text}\n\n{text}\n---\n")
    return [
        render_home(),
        render_results(replace(ANSWER, query=text, hits=(hit,)), trace, 1),
        render_results(replace(ANSWER, query=text, hits=(), total=0, partial=True), trace, 3),
        render_document(document, trace),
        render_error(InvalidInput(text), text),
        render_error(NotFound(text), ""),
        render_error(Unavailable(text), text),
    ]


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in Reader(page).tags]


def test_text_is_always_escaped() -> None:
    for plain, evil in zip(every_page(), every_page(EVIL), strict=True):
        assert shape(evil) == shape(plain)
        assert "\x00" not in evil
        evil.encode()


@given(st.text(max_size=60))
def test_any_text_gives_well_formed_pages(text: str) -> None:
    for page in every_page(text):
        Reader(page)
        page.encode()


def test_trace_fields_are_always_escaped() -> None:
    evil = RequestTrace(
        trace_id=EVIL,
        total_ms=1.0,
        frontend_ms=0.1,
        attempts=(attempt(0, 0, instance_id=EVIL, host=EVIL, type=EVIL, outcome=EVIL, search_ms=None), attempt(1, 0)),
    )
    plain = replace(evil, trace_id="x", attempts=(attempt(0, 0, outcome="lost", search_ms=None), attempt(1, 0)))
    for one, other in zip(every_page(trace=evil), every_page(trace=plain), strict=True):
        assert shape(one) == shape(other)


def test_pages_use_only_own_files_and_links() -> None:
    for page in every_page():
        read = Reader(page)
        for tag, attributes in read.tags:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for target in (attributes.get("href"), attributes.get("src"), attributes.get("action")):
                assert target is None or re.match(r"/(?!/)|#", target), tag
        assert all("src" in script for script in read.all("script"))
        assert "<style" not in page
        for link in (*read.all("link"), *read.all("script")):
            name = str(link.get("href") or link.get("src")).removeprefix("/static/")
            assert asset(name) is not None


def test_result_shows_title_address_and_snippet() -> None:
    page = render_results(ANSWER, TRACE, 1)
    assert "123 results (3.4 ms)" in page
    assert '<a class="hit" href="/doc/lesson.hypervisor">' in page
    assert "<cite>/doc/lesson.hypervisor</cite>" in page
    assert "A <mark>hypervisor</mark> runs virtual machines" in page
    assert 'value="hypervisor"' in page
    assert "1 result (" in render_results(replace(ANSWER, total=1), TRACE, 1)


def test_hits_link_only_to_our_documents() -> None:
    page = render_results(replace(ANSWER, hits=(replace(HIT, url="javascript:alert(1)"),)), TRACE, 1)
    assert "javascript:" not in page


def test_each_shard_shows_instance_type_and_host() -> None:
    page = render_results(ANSWER, TRACE, 1)
    assert 'shard 0 answered by <b title="i-0a12b34c56d78e9f0">i-0a12</b> (t3.nano, host-a) in 2.0 ms' in page
    assert 'shard 1 answered by <b title="i-1a12b34c56d78e9f0">i-1a12</b> (t3.nano, host-b) in 2.0 ms' in page
    assert page.count('<div class="row') == 3
    assert "ab" * 16 in page


def test_hedges_failures_and_missing_shards_are_shown() -> None:
    trace = replace(
        TRACE,
        attempts=(
            attempt(0, 0, outcome="lost"),
            attempt(1, 0, hedge=True),
            attempt(2, 1, outcome="error", search_ms=None),
            attempt(3, 1, outcome="timeout", retry=True, search_ms=None),
        ),
    )
    page = render_results(replace(ANSWER, partial=True), trace, 1)
    for text in ("slower, not used", "hedge", "failed", "retry, no answer in time", "shard 1 gave no answer in time"):
        assert text in page
    assert "One part of the index did not answer in time" in page
    assert "One part of the index" not in render_results(ANSWER, TRACE, 1)


def test_bars_stay_inside_the_time_line() -> None:
    odd = replace(TRACE, total_ms=0.0, frontend_ms=9.0, attempts=(attempt(0, 0, dur_ms=900.0, search_ms=1e6),))
    for trace in (TRACE, odd, replace(TRACE, attempts=())):
        for rect in Reader(render_results(ANSWER, trace, 1)).all("rect"):
            x, width = (float(str(rect[name]).rstrip("%")) for name in ("x", "width"))
            assert 0 <= x <= x + width <= 100.02


@pytest.mark.parametrize(
    ("total", "number", "shown"),
    [
        (10, 1, []),
        (11, 1, ["2", "Next ›"]),
        (30, 2, ["‹ Previous", "1", "3", "Next ›"]),
        (30, 3, ["‹ Previous", "1", "2"]),
    ],
)
def test_pager_links_to_other_pages(total: int, number: int, shown: list[str]) -> None:
    page = render_results(replace(ANSWER, query="a b&c", total=total), TRACE, number)
    links = re.findall(r'<a href="/search\?q=a\+b%26c&amp;page=(\d+)"[^>]*>([^<]+)</a>', page)
    assert [text for _, text in links] == shown


def test_last_page_says_that_more_match() -> None:
    many = replace(ANSWER, total=5000)
    assert "Only the first 100" in render_results(many, TRACE, 10)
    assert "Only the first 100" not in render_results(many, TRACE, 9)
    assert "page=11" not in render_results(many, TRACE, 10)


def test_no_hits_gives_advice() -> None:
    page = render_results(replace(ANSWER, total=0, hits=()), TRACE, 1)
    assert "No document matches <b>hypervisor</b>" in page


def test_document_text_becomes_html() -> None:
    body = (
        "Intro to\nthings.  More.\n\nPart\n----\n\n- one\n  more\n- two\n\n    code()\n\n    more()\n\n"
        ">>> 1 + 1\n2\n\nName   aligned"
    )
    page = render_document(Document(id="page.x", title="The title", kind="lesson", body=body), TRACE)
    for part in (
        "<h1>The title</h1>",
        "<p>Intro to\nthings.  More.</p>",
        "<h2>Part</h2>",
        "<ul><li>one more</li><li>two</li></ul>",
        '<p class="lines">Name   aligned</p>',
    ):
        assert part in page
    assert "code()\n\n" in page
    assert "How this answer was made" in page


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidInput("OR needs a word on each side"), "OR needs a word on each side."),
        (NotFound("there is no document 'x'"), "There is no document &#x27;x&#x27;."),
        (Unavailable("no part of the index answered"), "No instance can answer right now"),
        (Internal("internal error"), "Something went wrong"),
    ],
)
def test_error_page_shows_message_and_query(error: CloudError, text: str) -> None:
    page = render_error(error, "my query")
    assert text in page
    assert f">{error.status}<" in page
    assert 'value="my query"' in page


def test_empty_query_shows_the_start_page() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(" ")
    assert render_error(caught.value, "") == render_home()


def test_only_known_assets_are_served() -> None:
    style = asset("search.css")
    assert style is not None
    assert style[1].startswith("text/css")
    assert b"http" not in style[0]
    for name in ("", "../layout.py", "search.css/", "nothing.css"):
        assert asset(name) is None
