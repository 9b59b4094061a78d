"""Sharing: started with the key, searched from a phone, drawn on the console, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from share_console import JSON, LAN, Stand, stand, until

from client.cli import main
from client.cloud_state import CloudState, fold
from client.cloud_watcher import CloudChange
from client.console.share.audience_stream import AudienceStream
from client.console.share.participants import Participant, Participants
from client.search_service import SearchService
from tests.unit.client.client_builders import IDS, cloud, instance
from vmhost.base.errors import InvalidInput
from vmhost.base.sse import read_events
from vmhost.base.web import listen, serve


async def test_sharing_needs_key(console: Stand) -> None:
    for method in ("POST", "DELETE"):
        async with console.http.request(method, f"{console.url}/api/share", json={"address": LAN}) as answer:
            assert answer.status == 401
    async with console.http.get(f"{console.url}/api/share") as answer:
        assert await answer.json() == {"offered": [], "why": "", "share": None}
    async with console.http.get(f"{console.url}/api/share/qr.svg") as answer:
        assert answer.status == 404
    assert console.sharing.url == ""


async def test_sharing_refused_where_unreachable() -> None:
    async with stand(why="no phone reaches this") as console:
        assert await console.client.share() == {"offered": [], "why": "no phone reaches this", "share": None}
        with pytest.raises(InvalidInput, match="no phone reaches this"):
            await console.share()
        assert console.sharing.url == ""


async def test_sharing_started_shown_stopped(console: Stand) -> None:
    url = await console.share()
    assert url.startswith(f"http://{LAN}:")
    assert (await console.client.share())["share"] == {
        "url": url, "qr": "/api/share/qr.svg", "reached": 0, "connected": 0, "participants": [],
    }  # fmt: skip
    async with console.http.get(f"{console.url}/api/share/qr.svg") as answer:
        assert answer.content_type == "image/svg+xml"
        assert (await answer.read()).startswith(b"<svg")
    with pytest.raises(InvalidInput, match="sharing is already on at"):
        await console.share()
    await console.client.share("DELETE")
    await console.client.share("DELETE")
    assert console.publisher.share.full() is None
    with pytest.raises(aiohttp.ClientConnectionError):
        await console.search(url, query="kvm")
    texts = [entry["text"] for entry in console.publisher.snapshot()["log"]]
    assert texts == [
        f"the audience's page is open at {url}",
        "the audience's page is closed; no phone had opened it",
    ]


async def test_sharing_restarts(console: Stand) -> None:
    await console.share()
    await console.client.share("DELETE")
    url = await console.share()
    assert (await console.search(url, query="kvm"))[0] == 200


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"address": "0.0.0.0"}, "is not the address of one computer"),
        ({"address": "example.org"}, "is not an IPv4 address"),
        ({"address": "203.0.113.9", "port": 0}, "use an address of this computer"),
        ({"address": LAN, "port": 80}, r"out of range \(1024 to 65535\)"),
        ({"address": LAN, "port": True}, "port must be a whole number"),
        ({"address": LAN, "port": 0, "name": "a/b"}, "is not a host name"),
        ({}, "address is required"),
    ],
)
async def test_invalid_sharing_request_refused(console: Stand, order: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        await console.client.share("POST", order)
    assert console.sharing.url == ""


async def test_search_has_phones_name_and_colour(console: Stand) -> None:
    url = await console.share()
    status, told = await console.search(url, query=" hypervisor ", name=" Ann  Lee ", colour=5)
    assert status == 200
    assert told["you"] == {"name": "Ann Lee", "colour": 5}
    assert told["hits"] == [{"title": "KVM", "url": "/doc/kvm", "snippet": [["a ", False], ["hypervisor", True]]}]
    assert told["timeline"]["total_ms"] == 2.1
    assert told["timeline"]["attempts"][0]["instance_id"] == "i-0a"
    assert console.front_end.requests == [("hypervisor", "glasscloud-audience")]
    row = console.publisher.request(told["id"])
    assert row is not None
    assert (row["name"], row["colour"], row["source"], row["query"]) == ("Ann Lee", 5, "audience", "hypervisor")


async def test_stream_gives_name_and_colour(console: Stand) -> None:
    url = await console.share()
    async with console.stream(url) as events:
        you = (await anext(events)).data["you"]
    status, told = await console.search(url, query="kvm")
    assert (status, told["you"]) == (200, you)


async def test_search_streamed_to_all_phones(console: Stand) -> None:
    url = await console.share()
    async with console.stream(url) as one, console.stream(url) as other:
        for events in (one, other):
            assert (await anext(events)).kind == "snapshot"
        _, told = await console.search(url, query="kvm", name="Ann", colour=2)
        for events in (one, other):
            batch = await anext(events)
            assert batch.kind == "batch"
            (row,) = batch.data["requests"]
            assert (row["id"], row["name"], row["colour"], row["source"]) == (told["id"], "Ann", 2, "audience")
            assert "query" not in row
        await until(
            lambda: (console.publisher.share.full() or {}).get("participants") == [Participant(name="Ann", colour=2)],
            "who is there",
        )
        share = console.publisher.share.full()
        assert (share["reached"], share["connected"]) == (1, 1)
    await until(lambda: console.publisher.share.full()["connected"] == 0, "no phone is connected any more")


async def test_own_computer_not_counted_as_phone(console: Stand) -> None:
    url = await console.share()
    own = aiohttp.TCPConnector(local_addr=(LAN, 0))
    async with aiohttp.ClientSession(connector=own) as browser, browser.get(f"{url}/api/stream") as answer:
        assert answer.status == 200
        assert (await console.client.share())["share"]["reached"] == 0
        async with console.stream(url):
            assert (await console.client.share())["share"]["reached"] == 1


async def test_ending_it_ends_the_streams_of_phones(console: Stand) -> None:
    url = await console.share()
    async with console.stream(url) as events:
        await anext(events)
        await console.client.share("DELETE")
        async with asyncio.timeout(10):
            with contextlib.suppress(aiohttp.ClientError):
                async for _ in events:
                    pass


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"no json", b'{"query": 7}', b'{"query": ""}', b'{"query": "kvm", "name": "' + b"a" * 21 + b'"}',
     b'{"query": "kvm", "colour": 8}', b'{"query": "kvm", "colour": "red"}', b'{"query": "' + b"q" * 201 + b'"}',
     b'{"query": "' + b"q" * 4000 + b'"}', b"[" * 2000],
)  # fmt: skip
async def test_invalid_search_refused(console: Stand, body: bytes) -> None:
    url = await console.share()
    async with console.http.post(f"{url}/api/search", data=body, headers=JSON) as answer:
        assert answer.status == 400
        assert re.search("must|required|larger|maximum", (await answer.json())["error"]["message"])
    assert console.front_end.requests == []


@pytest.fixture
def share(console: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Awaitable[int]]:
    """The command, on this console."""
    file = tmp_path / "key"
    file.write_text(console.key.token)
    monkeypatch.setenv("GLASSCLOUD_CONSOLE", console.url)
    monkeypatch.setenv("GLASSCLOUD_CONSOLE_KEY", str(file))

    async def command(*words: str) -> int:
        return await asyncio.to_thread(main, ["share", *words, "--port", "0", "--yes", "--wait", "0"])

    return command


async def test_share_command_elsewhere_refused(
    share: Callable[..., Awaitable[int]], console: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await share("--address", LAN) == 0
    assert await share("--address", LAN) == 0
    assert await share() == 0
    assert capsys.readouterr().out.count(console.sharing.url) == 3
    assert await share("--address", "127.0.0.3") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"already shared at {console.sharing.url}; to share at 127.0.0.3, stop that first" in told.err


async def test_share_stop_command(share: Callable[..., Awaitable[int]], capsys: pytest.CaptureFixture[str]) -> None:
    assert await share("--address", LAN) == 0
    capsys.readouterr()
    assert await share("--stop") == 0
    assert await share("--stop") == 0
    assert capsys.readouterr().out.splitlines() == ["sharing has stopped", "sharing was not on"]


async def test_our_own_searches_say_who_they_are(console: Stand) -> None:
    service = SearchService(console.search_url)
    try:
        await service.search("kvm")
    finally:
        service.close()
    assert console.front_end.requests == [("kvm", "glasscloud")]


async def test_event_before_subscription_shown(console: Stand) -> None:
    """An event after the audience's first look at the feed and before its subscription."""
    stream = AudienceStream(console.publisher)
    now = cloud(instance(0))
    console.publisher.on_cloud(CloudChange(event=now, before=CloudState(), after=fold(CloudState(), now)))
    console.publisher.snapshot()

    async def phone(request: web.BaseRequest) -> web.StreamResponse:
        return await stream.respond(request, "a phone", Participants(own=LAN).at("a phone"))

    running = asyncio.create_task(stream.run())
    try:
        async with serve(phone, listen("127.0.0.1", 0)) as url, console.http.get(url) as answer, asyncio.timeout(10):
            async for event in read_events(answer.content):
                told = event.data["instances"] if event.kind == "snapshot" else event.data["instances"]["set"]
                if [row["id"] for row in told] == [IDS[0]]:
                    break
    finally:
        running.cancel()
        stream.close()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("url", "status", "asked"),
    [
        ("/doc/kvm", 200, ["/doc/kvm"]),
        ("/doc/none", 404, ["/doc/none"]),
        ("/doc/../status", 404, []),
        ("/status", 404, []),
        ("http://127.0.0.1:4566/doc/kvm", 404, []),
    ],
)
async def test_phone_reads_only_documents(console: Stand, url: str, status: int, asked: list[str]) -> None:
    shared = await console.share()
    async with console.http.get(f"{shared}/api/document", params={"url": url}) as answer:
        assert answer.status == status
        data = await answer.json()
    assert [path for path, _ in console.front_end.requests] == asked
    if status == 200:
        assert data == {"title": "KVM", "body": "Text."}
