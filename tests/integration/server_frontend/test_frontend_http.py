"""The front end over HTTP, in front of real leaves."""

from __future__ import annotations

import asyncio
import html
import json
import re
from typing import Any

import msgspec
import pytest
from yarl import URL

from server.api.flow import Counters, FlowRecord
from server.api.results import SearchAnswer, shard_of
from server.api.timing import parse, parse_traceparent
from tests.integration.server_frontend.conftest import Serving
from tests.integration.server_frontend.leaves import StubLeaf, hit, leaves, until
from vmhost.base.sse import read_events

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
JSON = {"Accept": "application/json"}


def add(serving: Serving, *members: StubLeaf) -> None:
    for leaf in members:
        serving.shard_map.add(leaf.instance)


async def get(serving: Serving, path: str, headers: dict[str, str] | None = None) -> tuple[int, str, Any]:
    async with serving.client.get(serving.url + path, headers=headers or {}) as response:
        return response.status, await response.text(), response.headers


async def test_search_merges_shards_and_returns_its_trace(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        a.hits, b.hits = [hit("x", 9.0), hit("y", 3.0)], [hit("z", 5.0)]
        add(serving, a, b)
        status, text, headers = await get(serving, "/search?q=hypervisor", {**JSON, "traceparent": PARENT})
    answer = msgspec.json.decode(text, type=SearchAnswer)
    assert status == 200
    assert (answer.query, answer.total, answer.partial) == ("hypervisor", 3, False)
    assert [each.id for each in answer.hits] == ["x", "z", "y"]
    trace = parse(headers["Server-Timing"], headers["traceparent"])
    assert trace is not None
    assert trace.trace_id == TRACE
    assert {(each.instance_id, each.shard, each.outcome) for each in trace.attempts} == {
        ("i-a", 0, "won"),
        ("i-b", 1, "won"),
    }
    assert all(each.start_ms + each.dur_ms <= trace.total_ms for each in trace.attempts)
    assert 0 < trace.frontend_ms < trace.total_ms
    assert f"traceparent: 00-{TRACE}-" in a.heads[-1]


@pytest.mark.parametrize("plain", [True, False])
async def test_leaf_format_does_not_change_the_answer(serving: Serving, plain: bool) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        a.plain = b.plain = plain
        a.hits = [hit("x", 9.0), hit('y"\n\u2028é,', 3.0)]
        b.hits = []
        add(serving, a, b)
        _, text, _ = await get(serving, "/search?q=a&format=json")
    assert json.loads(text)["hits"] == a.hits


async def test_second_page_continues_the_first(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        a.hits = [hit(f"a{n}", 100.0 - n) for n in range(20)]
        b.hits = []
        add(serving, a, b)
        _, text, _ = await get(serving, "/search?q=a&page=2&format=json")
        assert [each["id"] for each in json.loads(text)["hits"]] == [f"a{n}" for n in range(10, 20)]
        assert "n=20" in a.heads[-1]


async def test_pages_have_a_strict_content_policy(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        for path in ("/", "/search?q=a", "/doc/none", "/static/search.css"):
            _, _, headers = await get(serving, path, {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
            assert headers["Content-Type"].startswith("text/")
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
    _, _, headers = await get(serving, "/search?q=a")
    assert parse_traceparent(headers["traceparent"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/search", 400),
        ("/search?q=", 400),
        ("/search?q=%22open", 400),
        ("/search?q=a&page=99", 400),
        ("/search?q=a&format=pdf", 400),
        ("/search?q=" + "a" * 10_240, 400),
        ("/search?q=%00", 400),
        ("/search?%ff=%fe&&&==", 400),
        ("/doc/no/such", 404),
        ("/doc/absent", 404),
        ("/doc/" + "a" * 400, 404),
        ("/static/../app.py", 404),
        ("/static/nothing", 404),
        ("/nowhere", 404),
    ],
)
async def test_bad_input_is_refused_as_page_and_json(serving: Serving, path: str, status: int) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        found, text, _ = await get(serving, path, JSON)
        assert found == status
        assert json.loads(text)["error"]["message"]
        found, text, _ = await get(serving, path)
        assert found == status
        assert text.startswith("<!doctype html>")
    assert serving.observer.failed == 0


@pytest.mark.parametrize(
    ("parameters", "query", "message"),
    [
        ("q=%22open+%3Cb%3E", '"open <b>', "a quotation mark is not closed; use quotation marks in pairs"),
        ("q=a+%26+b+OR", "a & b OR", "OR needs a word on each side"),
        ("q=-%22not+this%22", '-"not this"', "the query has no words to look for; enter at least one word of"),
        ("q=%E2%80%9Cstra%C3%9Fe", "“straße", "a quotation mark is not closed"),
        ("page=99&q=what+is+a+server%3F", "what is a server?", "the page '99' does not exist; pages are numbered"),
        ("q=kvm+-xen&format=pdf", "kvm -xen", "the format 'pdf' is unknown; use json or html"),
        ("q=" + "ab+" * 100, "ab " * 85 + "a", "the query has 299 characters; the maximum is 256"),
    ],
)
async def test_refused_search_keeps_its_query(serving: Serving, parameters: str, query: str, message: str) -> None:
    """The page has the query in its search box, to be corrected, and the same words as the JSON."""
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        status, text, headers = await get(serving, f"/search?{parameters}")
        _, by_json, _ = await get(serving, f"/search?{parameters}", JSON)
        assert not any(leaf.heads for leaf in members)
    assert (status, headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    box = re.search(r'<input type="search" name="q" value="([^"]*)"', text)
    assert box is not None
    assert html.unescape(box[1]) == query
    assert f'<p class="code">{status}</p><h1>This query is not valid</h1>' in text
    shown = json.loads(by_json)["error"]["message"]
    assert shown.startswith(message)
    assert f"<p>{html.escape(shown[0].upper() + shown[1:])}.</p>" in text
    assert (serving.observer.rejected, serving.observer.answered) == (2, 0)


async def test_other_methods_are_refused(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            async with serving.client.request(method, serving.url + "/search?q=a", headers=JSON) as response:
                assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
        async with serving.client.head(serving.url + "/search?q=a&format=json") as response:
            assert (response.status, await response.read()) == (200, b"")
            assert int(response.headers["Content-Length"]) > 10


async def test_percent_encoded_path_is_accepted(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        async with serving.client.get(URL(serving.url + "/%68ealthz", encoded=True)) as response:
            assert response.status == 200


async def test_unusual_unicode_can_be_searched(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        for query in ("%F0%9F%98%80a", "a%ff", "%E2%80%AEabc", "a%0D%0AX-Bad:%201"):
            status, _, _ = await get(serving, f"/search?q={query}&format=json")
            assert status == 200
        assert not any("X-Bad: 1" in head for head in members[0].heads)


async def test_leafs_refusal_reaches_the_client(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        body = b'{"error":{"message":"no such field"}}'
        for leaf in members:
            leaf.raw = b"HTTP/1.1 400 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        add(serving, *members)
        status, text, _ = await get(serving, "/search?q=a", JSON)
    assert status == 400
    assert json.loads(text)["error"]["message"] == "no such field"


async def test_document_comes_from_its_shard(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        for leaf in members:
            leaf.hits = [hit("doc-1", 1.0)]
        add(serving, *members)
        status, text, headers = await get(serving, "/doc/doc-1", JSON)
    assert status == 200
    assert json.loads(text)["id"] == "doc-1"
    trace = parse(headers["Server-Timing"])
    assert trace is not None
    assert [each.shard for each in trace.attempts] == [shard_of("doc-1", 2)]


async def test_missing_shard_makes_the_answer_partial(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(serving, a, b)
        a.delay_s = 30
        status, text, headers = await get(serving, "/search?q=a", JSON)
    assert status == 200
    assert json.loads(text)["partial"] is True
    trace = parse(headers["Server-Timing"])
    assert trace is not None
    assert "timeout" in {each.outcome for each in trace.attempts}
    assert serving.observer.partial == 1


async def test_no_shard_gives_503_with_retry_after(serving: Serving) -> None:
    status, _, headers = await get(serving, "/search?q=a", JSON)
    assert (status, headers["Retry-After"]) == (503, "1")


async def test_health_needs_a_replica_of_each_shard(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        assert (await get(serving, "/healthz"))[0] == 503
        add(serving, a)
        assert (await get(serving, "/healthz"))[0] == 503
        add(serving, b)
        assert (await get(serving, "/healthz"))[0] == 200


async def test_requests_beyond_the_limit_are_shed(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        for leaf in members:
            leaf.gate.clear()
        add(serving, *members)
        pending = [asyncio.ensure_future(get(serving, "/search?q=a", JSON)) for _ in range(20)]
        await until(lambda: serving.observer.shed == 12)
        for leaf in members:
            leaf.gate.set()
        answers = await asyncio.gather(*pending)
    assert sorted(status for status, _, _ in answers) == [200] * 8 + [503] * 12
    assert all(headers["Retry-After"] == "1" for status, _, headers in answers if status == 503)
    assert serving.observer.in_flight == 0


async def test_flow_streams_requests_and_counts(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        await get(serving, "/search?q=before", JSON)
        async with serving.client.get(serving.url + "/flow") as stream:
            events = read_events(stream.content)
            snapshot = await anext(events)
            assert snapshot.kind == "snapshot"
            assert msgspec.convert(snapshot.data["counters"], Counters).answered == 1
            assert [FlowRecord.from_json(each).query for each in snapshot.data["recent"]] == ["before"]
            await get(serving, "/search?q=after", {**JSON, "traceparent": PARENT})
            event = await anext(events)
            record = FlowRecord.from_json(event.data)
            assert (event.kind, record.query, record.trace.trace_id) == ("request", "after", TRACE)
            assert {each.instance_id for each in record.trace.attempts} == {"i-a", "i-b"}
            await get(serving, "/search?q=", JSON)
            counters = serving.observer.counters()
    assert (counters.requests, counters.answered, counters.rejected, counters.failed) == (3, 2, 1, 0)
    assert {each.instance_id: (each.attempts, each.won) for each in counters.instances} == {
        "i-a": (2, 2),
        "i-b": (2, 2),
    }


async def test_flow_shows_an_agent_that_is_not_utf8(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        async with serving.client.get(serving.url + "/flow") as stream, asyncio.timeout(5):
            events = read_events(stream.content)
            assert (await anext(events)).kind == "snapshot"
            host, port = serving.url.removeprefix("http://").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /search?q=odd HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: caf\xe9/1\r\n\r\n")
            assert FlowRecord.from_json((await anext(events)).data).agent == "caf?/1"
            writer.close()


async def test_flow_is_sampled_but_counts_are_exact(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        before = serving.observer.hub.last_id
        with serving.observer.hub.subscribe():
            for _ in range(150):
                await get(serving, "/search?q=a", {**JSON, "traceparent": PARENT})
    assert serving.observer.answered == 150
    assert 10 < serving.observer.hub.last_id - before < 150


async def test_status_lists_each_shards_replicas(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        add(serving, *members)
        await get(serving, "/search?q=a", JSON)
        _, text, _ = await get(serving, "/status")
    status = json.loads(text)
    assert status["complete"] is True
    assert [[each["instance_id"] for each in shard["replicas"]] for shard in status["shards"]] == [["i-a"], ["i-b"]]


async def test_client_that_disconnects_does_no_harm(serving: Serving) -> None:
    async with leaves((0, "a"), (1, "b")) as members:
        members[0].delay_s = 0.1
        add(serving, *members)
        pending = asyncio.ensure_future(get(serving, "/search?q=a", JSON))
        await until(lambda: members[0].heads)
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await until(lambda: serving.observer.in_flight == 0)
        assert (await get(serving, "/search?q=a", JSON))[0] == 200


async def test_refused_query_stays_in_the_search_box(serving: Serving) -> None:
    status, text, _ = await get(serving, "/search?q=%22open+quote", {"Accept": "text/html"})
    assert status == 400
    assert 'value="&quot;open quote"' in text


@pytest.mark.parametrize(
    ("request_bytes", "message"),
    [
        (b"GET /search?q=" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "a line of this request is too long"),
        (b"what is this\r\n\r\n", "this is not an HTTP request"),
    ],
)
async def test_invalid_http_is_refused_and_not_logged(
    serving: Serving, request_bytes: bytes, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = URL(serving.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request_bytes)
    answer = (await asyncio.wait_for(reader.read(), 5)).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ") or head.startswith("HTTP/1.0 400 ")
    assert body.startswith(message)
    assert body.count("\n") == 1
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/", "/search?q=kvm", "/flow", "/status", "/healthz"])
async def test_foreign_host_name_is_refused(serving: Serving, path: str) -> None:
    async with serving.client.get(f"{serving.url}{path}", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
        assert "evil.example" in await answer.text()
