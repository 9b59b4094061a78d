"""Titles and plain text from Markdown, HTML and plain text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.corpus.text_folder import from_html, from_markdown, from_text


def test_markdown_keeps_structure_and_drops_marks() -> None:
    title, body = from_markdown(
        "# The *title*\n\nSome **bold** and `code` with [a link](https://example.test/x).\n\n## Part\n\n"
        "* one\n* two\n\n```sh\nrun **this**\n```\n"
    )
    assert title == "The title"
    assert body == "Some bold and code with a link.\n\nPart\n----\n\n- one\n- two\n\n    run **this**"


def test_markdown_table_becomes_aligned_code() -> None:
    assert from_markdown("| a | long |\n|---|---|\n| wide cell | b |")[1] == "    a          long\n    wide cell  b"


def test_underscores_and_stars_in_text_stay() -> None:
    assert from_markdown("use my_own_name and 2 * 3 * 4")[1] == "use my_own_name and 2 * 3 * 4"


def test_html_gives_title_and_blocks() -> None:
    title, body = from_html(
        "<head><title>The &amp; title</title><style>p{}</style></head><body><h1>The &amp; title</h1><p>One\n two</p>"
        "<script>alert(1)</script><ul><li>first</li></ul><h2>Part</h2><pre>a\n  b</pre></body>"
    )
    assert title == "The & title"
    assert body == "One two\n\n- first\n\nPart\n----\n\n    a\n      b"


def test_first_line_of_plain_text_is_the_title() -> None:
    assert from_text("Title\n=====\n\nBody.\n") == ("Title", "Body.")
    assert from_text("one line\nanother line") == ("", "one line\nanother line")


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for read in (from_text, from_markdown, from_html):
        title, body = read(text)
        assert isinstance(title, str)
        assert isinstance(body, str)
