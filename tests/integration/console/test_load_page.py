"""The load in the console: real processes send to a real server, and the stream shows it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from client.console.console_server import ConsoleSettings, serve_console
from client.console.request_guard import ConsoleKey
from client.load.report.page.page import page_policy
from client.session import open_session
from vmhost.api.access import Access
from vmhost.api.views import InstanceView, ReasonView, Snapshot
from vmhost.base.sse import Hub, read_events, respond
from vmhost.base.web import listen, serve

LIMIT_S = 60
SEEN_S = 1.0
"""So soon after it began people see the load."""
VICTIM = InstanceView(
    id="i-00a12000000000001", type="t3.nano", state="running", host="host-a", zone="us-east-1a", image="ami-1",
    launched_at=100.0, generation=1, changed_at=100.0,
)  # fmt: skip
CLOUD = Snapshot(
    cloud="console", region="us-east-1", driver="process", stands_for="processes", capabilities=(), overcommit=1.0,
    hosts=(), instances=(VICTIM,),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """A console with its key, and the platform that it watches."""

    url: str
    http: aiohttp.ClientSession
    platform: Hub

    async def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The answer's status and JSON."""
        sent = {} if method == "GET" else {"json": {} if body is None else body}
        async with self.http.request(method, f"{self.url}{path}", **sent) as answer:
            return answer.status, await answer.json()

    async def until_load(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What the stream tells of the load as soon as it is so."""
        async with self.http.get(f"{self.url}/api/stream") as answer:
            async for event in read_events(answer.content):
                told = event.data.get("load")
                load = told["is"] if told is not None and event.kind == "batch" else told
                if load is not None and holds(load):
                    return load  # type: ignore[no-any-return]
        raise AssertionError("the stream ended")


async def answer(_: web.Request) -> web.Response:
    return web.json_response({"hits": [], "total": 0, "partial": False})


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    platform, key = Hub(), ConsoleKey.create()

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        return await respond(request, platform, lambda: CLOUD)

    service = web.Application()
    service.router.add_get("/search", answer)
    async with asyncio.timeout(LIMIT_S), contextlib.AsyncExitStack() as stack:
        stack.callback(platform.close)
        cloud = await stack.enter_async_context(serve(events, listen("127.0.0.1", 0), drain_s=0.01))
        search = await stack.enter_async_context(serve(service, listen("127.0.0.1", 0), drain_s=0.01))
        session = await stack.enter_async_context(open_session(Access.fresh(cloud), search))
        settings = ConsoleSettings(key=key, port=0, shown_search=search, shown_api=cloud)
        url = await stack.enter_async_context(serve_console(session, settings))
        jar = aiohttp.CookieJar(unsafe=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        async with http.post(f"{url}/api/session", json={"token": key.token}) as opened:
            assert opened.status == 200
        yield Console(url=url, http=http, platform=platform)


async def test_load_started_changed_stopped_stored(console: Console) -> None:
    assert await console.until_load(lambda load: not load["running"]) == {
        "running": False, "state": "idle", "last": None,
    }  # fmt: skip
    assert await console.request("GET", "/api/load/timeline") == (200, {"number": 0})
    status, started = await console.request("POST", "/api/load", {"rate_per_s": 40})
    assert (status, started) == (201, {"number": 1, "model": "open loop, constant 40/s"})
    async with asyncio.timeout(SEEN_S):
        load = await console.until_load(lambda load: load["running"])
    assert (load["number"], load["rate_per_s"], load["loop"], load["sent"]) == (1, 40, "open", "from here")
    assert not {"columns", "bands_ms"} & load.keys()
    load = await console.until_load(lambda load: load["running"] and load["windows"]["total"]["ok"] >= 40)
    assert load["windows"]["total"]["response_ms"]["p50"] > 0
    assert load["schedule"]["sentence"]
    assert load["broken"] == ""

    assert await console.request("PATCH", "/api/load", {"rate_per_s": 90}) == (200, {"rate_per_s": 90})
    async with asyncio.timeout(SEEN_S):
        await console.until_load(lambda load: load["running"] and load["rate_per_s"] == 90)
    assert await console.request("PATCH", "/api/load", {"step": 1}) == (200, {"rate_per_s": 100})
    marked = await console.until_load(lambda load: load["running"] and len(load["marks"]) == 2)
    assert [mark["text"] for mark in marked["marks"]] == ["90/s", "100/s"]
    status, refused = await console.request("POST", "/api/load")
    assert (status, "a load is running already" in refused["error"]["message"]) == (409, True)
    status, refused = await console.request("GET", "/api/load/runs/1.json")
    assert (status, "run 1 is still running" in refused["error"]["message"]) == (409, True)

    status, stopped = await console.request("DELETE", "/api/load")
    assert (status, stopped["run"]["number"], stopped["run"]["stopped"]) == (200, 1, True)
    idle = await console.until_load(lambda load: not load["running"])
    assert idle["last"] == stopped["run"]
    assert await console.request("GET", "/api/load/runs") == (200, {"runs": [stopped["run"]]})
    _, course = await console.request("GET", "/api/load/timeline")
    assert (course["number"], course["over"], course["whole"]) == (1, True, True)
    assert sum(column["offered"] for column in course["columns"]) == stopped["run"]["requests"]
    assert [mark["text"] for mark in course["marks"]] == [mark["text"] for mark in marked["marks"]]


async def test_timeline_sends_changes_only(console: Console) -> None:
    await console.request("POST", "/api/load", {"rate_per_s": 50})
    columns: dict[float, Any] = {}
    known: dict[str, Any] = {"columns": []}
    while len(columns) < 7:
        query = f"?run=1&since={known['elapsed_s']}&column_s={known['column_s']}" if known["columns"] else ""
        _, known = await console.request("GET", f"/api/load/timeline{query}")
        assert known["whole"] is (len(known["columns"]) == 0 or known["columns"][0]["began_s"] == 0)
        columns |= {column["began_s"]: column for column in known["columns"]}
        await asyncio.sleep(0.2)
    assert known["whole"] is False
    await console.request("DELETE", "/api/load")
    query = f"?run=1&since={known['elapsed_s']}&column_s={known['column_s']}"
    _, last = await console.request("GET", f"/api/load/timeline{query}")
    columns |= {column["began_s"]: column for column in last["columns"]}
    _, whole = await console.request("GET", "/api/load/timeline")
    assert (last["over"], list(columns.values())) == (True, whole["columns"])


async def test_past_runs_reported_and_compared(console: Console) -> None:
    for users in (1, 2):
        assert (await console.request("POST", "/api/load", {"users": users, "think_s": 0.01, "seconds": 0.6}))[0] == 201
        await console.until_load(lambda load: not load["running"])
    async with console.http.get(f"{console.url}/api/load/runs/2") as report:
        page = await report.text()
    assert (report.status, report.content_type) == (200, "text/html")
    policy = report.headers["Content-Security-Policy"]
    assert policy == f"sandbox allow-scripts; {page_policy()}; frame-ancestors 'none'"
    assert "<h1>Load report</h1>" in page
    status, document = await console.request("GET", "/api/load/runs/2.json")
    assert (status, document["schema"], document["plan"]["closed"]["users"]) == (200, 2, 2)
    status, compared = await console.request("GET", "/api/load/compare?a=1&b=2")
    assert (status, compared["a"]["name"], compared["b"]["name"]) == (200, "run 1", "run 2")
    assert any("different plans" in warning for warning in compared["warnings"])
    status, refused = await console.request("GET", "/api/load/compare?a=1&b=7")
    assert (status, refused["error"]["message"]) == (404, "run 7 is not stored; stored runs: 2, 1")


async def test_death_marked_on_load(console: Console) -> None:
    await console.request("POST", "/api/load")
    reason = ReasonView(code="Server.InternalError", message="its program was killed by signal 9 (SIGKILL)")
    dead = replace(VICTIM, state="stopped", generation=2, changed_at=101.0, reason=reason)
    console.platform.publish("instance", dead)
    load = await console.until_load(lambda load: load["running"] and load["marks"])
    (mark,) = load["marks"]
    assert mark["text"] == "i-00a1 is stopped: its program was killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/api/load", {"rate_per_s": "many"}, 400, "rate_per_s is 'many'; expected requests a second"),
        ("POST", "/api/load", {"rate": 5}, 400, "field 'rate' is not known"),
        ("POST", "/api/load", {"users": 1.5}, 400, "users is 1.5; expected a whole number"),
        ("POST", "/api/load", {"rate_per_s": 5, "url": "ftp://x"}, 400, "names no http server"),
        ("PATCH", "/api/load", {"rate_per_s": True}, 400, "rate_per_s must be a number"),
        ("PATCH", "/api/load", {"step": 5}, 400, "the request body must be"),
        ("PATCH", "/api/load", {"rate_per_s": 5}, 409, "no load is running"),
        ("GET", "/api/load/compare?a=one&b=2", None, 400, "a must be a whole number, not text"),
        ("GET", "/api/load/timeline?since=soon", None, 400, "since must be a number"),
        ("GET", "/api/load/runs/1", None, 404, "run 1 is not stored"),
    ],
)
async def test_invalid_load_request_refused(
    console: Console, method: str, path: str, body: Any, status: int, words: str
) -> None:
    told, answer = await console.request(method, path, body)
    assert (told, words in answer["error"]["message"]) == (status, True), answer


async def test_stop_without_load(console: Console) -> None:
    assert await console.request("DELETE", "/api/load") == (200, {"run": None})


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_load_needs_key(console: Console, method: str) -> None:
    console.http.cookie_jar.clear()
    status, refused = await console.request(method, "/api/load", {"rate_per_s": 5})
    assert (status, "view-only" in refused["error"]["message"]) == (401, True)
    assert not (await console.until_load(lambda _: True))["running"]
