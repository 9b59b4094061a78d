"""What strangers on the network cannot do: reach anything else, send too much, hold connections."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from share_console import JSON, LAN, Stand, until

from client.console.assets import load_assets, required_files
from client.console.share import audience, audience_stream, sharing
from client.console.share.participants import RateLimit

OWN = {("GET", "/"), ("HEAD", "/"), ("GET", "/api/stream"), ("POST", "/api/search")}
"""What the audience's listener has too; its answers are its own."""


async def ask(console: Stand, method: str, url: str, **headers: str) -> tuple[int, str]:
    body = b"{}" if method in ("POST", "DELETE", "PATCH", "PUT") else None
    more = JSON if body else {}
    async with console.http.request(method, url, data=body, headers={**more, **headers}) as answer:
        return answer.status, await answer.text()


async def test_no_route_of_the_console_is_there(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "REQUESTS_EACH", RateLimit(per_s=10_000, burst=10_000))
    url = await console.share()
    assert len(console.routes) > 15
    for method, path in console.routes:
        if (method, path) not in OWN:
            filled = re.sub(r"\{[^}]*\}", "x", path)
            status, text = await ask(console, method, f"{url}{filled}")
            assert status == 404, f"{method} {path} answers {status}"
            assert method == "HEAD" or json.loads(text)["error"]["message"].startswith("there is nothing at")


@pytest.mark.parametrize(
    "path",
    ["/api/session", "/api/share", "/api/load", "/api/start-over", "/api/experiments/kill", "/api/requests/1",
     "/api/instances/i-0a/terminate", "/api/instances/i-0a/console", "/healthz", "/?Action=DescribeInstances",
     "/_glasscloud/events", "/search?q=kvm", "/flow", "/status", "/assets/", "/assets/../request_guard.py",
     "/assets/%2e%2e/request_guard.py", "//", "/assets//app.js"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_else_is_there(console: Stand, method: str, path: str) -> None:
    url = await console.share()
    status, text = await ask(console, method, f"{url}{path}")
    if (method, urlsplit(path).path) == ("GET", "/"):
        assert "EC2" not in text
        assert status == 200
    else:
        assert status in (400, 404)
        assert "access-control-allow-origin" not in text.lower()


async def test_only_the_page_s_own_files_are_there(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "REQUESTS_EACH", RateLimit(per_s=10_000, burst=10_000))
    url = await console.share()
    assets = load_assets()
    allowed = required_files(assets)
    for path in assets:
        status, _ = await ask(console, "GET", f"{url}/assets/{path}")
        assert status == (200 if path in allowed else 404), path


async def test_every_answer_keeps_the_browser_narrow(console: Stand) -> None:
    url = await console.share()
    for path in ("/", "/assets/audience/audience.js", "/api/stream", "/nothing"):
        async with console.http.get(f"{url}{path}") as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.2.evil.example", "", "[::1]"])
async def test_another_name_bent_to_the_address_is_refused(console: Stand, host: str) -> None:
    url = await console.share()
    status, _ = await ask(console, "GET", url, Host=host)
    assert status == 403


async def test_given_host_name_is_required(console: Stand) -> None:
    url = await console.share(name="laptop.local")
    assert url.startswith("http://laptop.local:")
    there = url.replace("laptop.local", LAN)
    assert (await ask(console, "GET", there, Host=urlsplit(url).netloc))[0] == 200
    assert (await ask(console, "GET", there))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_cross_site_search_refused(console: Stand, headers: dict[str, str]) -> None:
    url = await console.share()
    status, _ = await ask(console, "POST", f"{url}/api/search", **headers)
    assert status in (400, 403)
    assert console.front_end.requests == []


async def test_the_console_s_cookie_opens_nothing_here(console: Stand) -> None:
    url = await console.share()
    port = urlsplit(url).port
    cookie = console.client._session.headers["Cookie"].partition("=")[2]
    status, _ = await ask(console, "DELETE", f"{url}/api/share", Cookie=f"glasscloud-{port}={cookie}")
    assert status == 404
    assert console.sharing.url == url


async def test_fast_searches_get_retry_after(console: Stand) -> None:
    url = await console.share()
    answers = [await console.search(url, query="kvm") for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    assert answers[-1][1]["error"]["message"] == "too fast; try again in a second"
    async with console.http.post(f"{url}/api/search", data=b'{"query": "kvm"}', headers=JSON) as answer:
        assert answer.headers["Retry-After"] == "1"
    assert len(console.front_end.requests) == 3


async def test_all_phones_together_have_a_limit(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "SEARCHES_EACH", RateLimit(per_s=1000, burst=1000))
    monkeypatch.setattr(audience, "SEARCHES_ALL", RateLimit(per_s=0.1, burst=5))
    url = await console.share()
    statuses = [(await console.search(url, query="kvm"))[0] for _ in range(8)]
    assert statuses == [200] * 5 + [429] * 3


async def test_flooding_address_refused(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "REQUESTS_EACH", RateLimit(per_s=0.1, burst=5))
    url = await console.share()
    statuses = [(await ask(console, "GET", f"{url}/nothing"))[0] for _ in range(7)]
    assert statuses == [404] * 5 + [429] * 2


async def test_too_many_readers_refused(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience_stream, "READERS_MAX", 1)
    url = await console.share()
    async with console.stream(url):
        status, text = await ask(console, "GET", f"{url}/api/stream")
        assert status == 503
        assert "1 pages are connected" in text
    await until(lambda: console.sharing.state()["connected"] == 0, "the first has gone")  # type: ignore[index]
    async with console.stream(url) as events:
        assert (await anext(events)).kind == "snapshot"


async def test_tabs_of_one_phone_limited(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience_stream, "READERS_EACH_MAX", 1)
    url = await console.share()
    async with console.stream(url):
        status, text = await ask(console, "GET", f"{url}/api/stream")
    assert status == 503
    assert "close one of them" in text


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that still comes until the other side closes; whether in good order or not depends on what was under way."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_stalled_phone_disconnected(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience_stream, "_WRITE_DEADLINE_S", 0.2)
    url = await console.share()
    parts = urlsplit(url)
    with socket.socket() as phone:
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        phone.setblocking(False)
        await asyncio.get_running_loop().sock_connect(phone, (parts.hostname, parts.port))
        await asyncio.get_running_loop().sock_sendall(
            phone, f"GET /api/stream HTTP/1.1\r\nHost: {LAN}\r\n\r\n".encode()
        )
        state = console.sharing.state
        await until(lambda: state()["connected"] == 1, "it follows")  # type: ignore[index]
        # More than kernel and transport hold for it.
        flood = {"is": {"experiment": "kill", "sentence": "x" * 1_000_000}}

        def gone() -> bool:
            flood["is"]["sentence"] = flood["is"]["sentence"][::-1] + "x"
            console.publisher.verdict.set(dict(flood["is"]))
            console.publisher.mark_changed()
            return state()["connected"] == 0  # type: ignore[index]

        await until(gone, "it is let go")


async def test_silent_connection_closed(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "BOUNDS", replace(sharing.BOUNDS, arrival_s=0.1, every_s=0.05))
    url = await console.share()
    for words in (b"", b"GET / HTTP/1.1\r\nHost: "):
        reader, writer = await connect(url)
        writer.write(words)
        async with asyncio.timeout(10):
            assert await rest(reader) == b""
        writer.close()


async def test_connections_of_one_address_limited(console: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "BOUNDS", replace(sharing.BOUNDS, each_address=3))
    url = await console.share()
    pairs = [await connect(url) for _ in range(3)]
    for reader, writer in pairs:
        writer.write(f"GET /nothing HTTP/1.1\r\nHost: {LAN}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    with pytest.raises(ConnectionError):
        await reading_one_more(url)
    for _, writer in pairs:
        writer.close()
    await until_answered(console, url)


async def reading_one_more(url: str) -> None:
    reader, writer = await connect(url)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {LAN}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            if not await reader.read(1):
                raise ConnectionResetError
    finally:
        writer.close()


async def until_answered(console: Stand, url: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                assert (await ask(console, "GET", f"{url}/nothing"))[0] == 404
                return
            except OSError:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("line", ["x" * 3000, "h" * 10])
async def test_long_or_many_headers_refused(console: Stand, line: str) -> None:
    url = await console.share()
    reader, writer = await connect(url)
    many = "".join(f"X-{number}: {line}\r\n" for number in range(60))
    writer.write(f"GET /{line if len(line) > 100 else ''} HTTP/1.1\r\nHost: {LAN}\r\n{many}\r\n".encode())
    async with asyncio.timeout(10):
        assert b" 400 " in await reader.readline()
    writer.close()
