"""The Server-Timing header: written traces are parsed back, and garbage gives no trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.timing import Attempt, RequestTrace, make_traceparent, parse, parse_traceparent, render

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"

_ms = st.integers(0, 10**9).map(lambda hundredths: hundredths / 100)
_word = st.from_regex(r"[A-Za-z0-9._-]{1,24}", fullmatch=True)
_role = st.sampled_from([(False, False), (True, False), (False, True)])


@st.composite
def _attempts(draw: st.DrawFn) -> Attempt:
    hedge, retry = draw(_role)
    return Attempt(
        instance_id=draw(_word),
        type=draw(_word),
        host=draw(_word),
        shard=draw(st.integers(0, 999)),
        start_ms=draw(_ms),
        dur_ms=draw(_ms),
        search_ms=draw(st.none() | _ms),
        hedge=hedge,
        retry=retry,
        outcome=draw(st.sampled_from(["won", "lost", "error", "timeout", "late"])),
    )


@given(_ms, _ms, st.lists(_attempts(), max_size=6))
def test_rendered_trace_is_parsed_back(total: float, frontend: float, attempts: list[Attempt]) -> None:
    trace = RequestTrace(trace_id=TRACE, total_ms=total, frontend_ms=frontend, attempts=tuple(attempts))
    assert parse(render(trace), PARENT) == trace


def test_server_timing_header_format() -> None:
    attempt = Attempt(
        instance_id="i-0a", type="t3.nano", host="host-a", shard=0, start_ms=0.21, dur_ms=2.1, search_ms=1.05
    )
    trace = RequestTrace(trace_id=TRACE, total_ms=3.42, frontend_ms=0.51, attempts=(attempt,))
    assert render(trace) == (
        'total;dur=3.42, fe;dur=0.51, attempt;dur=2.10;desc="instance=i-0a type=t3.nano host=host-a shard=0 '
        'start=0.21 search=1.05 role=first outcome=won"'
    )


@given(st.text(max_size=300))
def test_garbage_is_not_a_trace(text: str) -> None:
    assert parse(text) is None
    parse("total;dur=1.00, fe;dur=1.00" + text)
    parse_traceparent(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "-more",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT + "\n",
    ],
)
def test_invalid_traceparent_is_refused(text: str) -> None:
    assert parse_traceparent(text) is None


def test_later_traceparent_version_is_accepted() -> None:
    assert parse_traceparent("01" + PARENT[2:] + "-more") == TRACE


def test_new_traceparent_is_valid() -> None:
    assert parse_traceparent(make_traceparent(TRACE, "b7ad6b7169203331", sampled=True)) == TRACE
