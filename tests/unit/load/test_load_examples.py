"""Examples of failed requests: a few of each kind, none from the warm-up, in each format of the report."""

from __future__ import annotations

import json
from dataclasses import replace

from load_runs import run

from client.load.examples import EXAMPLES_MAX, PER_KIND_MAX, FailureExample, FailureExamples
from client.load.report.json_report import report_json
from client.load.report.page.page import report_page
from client.load.report.text_report import text_report


def example(number: int = 0, fault: str = "5xx", **changes: object) -> FailureExample:
    made = FailureExample(
        target="GET /buy", status=500, fault=fault,
        error="status 500 Internal Server Error\n  flow.py:3 in flow: buy()",
        request=f"GET /buy?{number} HTTP/1.1\nHost: shop", response="HTTP/1.1 500 Internal Server Error\n\n<b>oops</b>",
        took_ms=12.34,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_three_examples_of_a_kind_and_thirty_in_total() -> None:
    book = FailureExamples()
    for number in range(100):
        for status in (500, 502, 503):
            each = example(number, status=status)
            if book.wants(each.kind):
                book.add(each.kind, each)
    assert [each.status for each in book.all] == [500, 502, 503] * PER_KIND_MAX
    assert len(book.take()) == len(book.all)
    assert book.take() == []
    for number in range(100):
        each = example(number, target=f"step {number}")
        if book.wants(each.kind):
            book.add(each.kind, each)
    assert len(book.all) == EXAMPLES_MAX


def test_warm_up_gives_no_examples() -> None:
    book = FailureExamples(since_ns=1000)
    assert not book.wants(example().kind, due_ns=999)
    assert book.wants(example().kind, due_ns=1000)


def test_examples_are_in_text_json_and_page() -> None:
    report = run(errors=(5,))
    report = replace(
        report,
        result=replace(report.result, examples=(example(1), example(2), example(fault="connect", response=""))),
    )
    text = "\n".join(text_report(report))
    assert "example of 5xx: GET /buy, after 12.3 ms: status 500 Internal Server Error" in text
    assert "    > GET /buy?1 HTTP/1.1" in text
    assert "    < <b>oops</b>" in text
    assert "flow.py:3 in flow: buy()" in text
    assert text.index("example of connect") < text.index("example of 5xx"), "the most frequent first"
    assert text.count("example of 5xx") == 1
    document = json.loads(json.dumps(report_json(report)))
    assert [each["request"][:11] for each in document["examples"]] == ["GET /buy?1 ", "GET /buy?2 ", "GET /buy?0 "]
    page = report_page([report])
    assert page.count('<details class="example">') == 3
    assert "&lt;b&gt;oops&lt;/b&gt;" in page
    assert "<b>oops</b>" not in page
