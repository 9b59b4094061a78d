"""Sharing as trainer and phone meet it: begun with the key, searched from a phone, drawn on the console, ended."""

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
from client.console.share.cast import Cast
from client.console.share.guests import Guests
from client.search_service import SearchService
from tests.unit.client.client_builders import IDS, cloud, instance
from vmhost.base.errors import InvalidInput
from vmhost.base.sse import read_events
from vmhost.base.web import listen, serve


async def test_nothing_is_shared_until_somebody_with_the_key_asks(console: Stand) -> None:
    for method in ("POST", "DELETE"):
        async with console.http.request(method, f"{console.url}/api/share", json={"address": LAN}) as answer:
            assert answer.status == 401
    async with console.http.get(f"{console.url}/api/share") as answer:
        assert await answer.json() == {"offered": [], "why": "", "share": None}
    async with console.http.get(f"{console.url}/api/share/qr.svg") as answer:
        assert answer.status == 404
    assert console.sharing.url == ""


async def test_where_no_phone_can_come_nothing_is_offered_and_no_order_is_taken() -> None:
    async with stand(why="no phone reaches this") as console:
        assert await console.order.share() == {"offered": [], "why": "no phone reaches this", "share": None}
        with pytest.raises(InvalidInput, match="no phone reaches this"):
            await console.share()
        assert console.sharing.url == ""


async def test_the_trainer_sees_where_it_is_with_its_code_and_can_end_it(console: Stand) -> None:
    url = await console.share()
    assert url.startswith(f"http://{LAN}:")
    assert (await console.order.share())["share"] == {
        "url": url, "qr": "/api/share/qr.svg", "reached": 0, "here": 0, "who": [],
    }  # fmt: skip
    async with console.http.get(f"{console.url}/api/share/qr.svg") as answer:
        assert answer.content_type == "image/svg+xml"
        assert (await answer.read()).startswith(b"<svg")
    with pytest.raises(InvalidInput, match="sharing is already on at"):
        await console.share()
    await console.order.share("DELETE")
    await console.order.share("DELETE")
    assert console.feed.share.whole() is None
    with pytest.raises(aiohttp.ClientConnectionError):
        await console.search(url, query="kvm")
    texts = [entry["text"] for entry in console.feed.snapshot()["log"]]
    assert texts == [
        f"the audience's page is open at {url}",
        "the audience's page is closed; no phone had opened it",
    ]


async def test_it_can_be_shared_again_after_it_was_ended(console: Stand) -> None:
    await console.share()
    await console.order.share("DELETE")
    url = await console.share()
    assert (await console.search(url, query="kvm"))[0] == 200


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"address": "0.0.0.0"}, "is not the address of one computer"),
        ({"address": "example.org"}, "is not an IPv4 address"),
        ({"address": "203.0.113.9", "port": 0}, "use an address of this computer"),
        ({"address": LAN, "port": 80}, r"out of range \(1024 to 65535\)"),
        ({"address": LAN, "port": True}, r"out of range \(1024 to 65535\)"),
        ({"address": LAN, "port": 0, "name": "a/b"}, "is not a host name"),
        ({}, "address must be text"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_in_words(
    console: Stand, order: dict[str, object], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        await console.order.share("POST", order)
    assert console.sharing.url == ""


async def test_a_phone_s_search_is_answered_and_drawn_in_its_colour_with_its_name(console: Stand) -> None:
    url = await console.share()
    status, told = await console.search(url, query=" hypervisor ", name=" Ann  Lee ", colour=5)
    assert status == 200
    assert told["you"] == {"name": "Ann Lee", "colour": 5}
    assert told["hits"] == [{"title": "KVM", "url": "/doc/kvm", "snippet": [["a ", False], ["hypervisor", True]]}]
    assert told["way"]["total_ms"] == 2.1
    assert told["way"]["attempts"][0]["instance_id"] == "i-0a"
    assert console.front_end.asked == [("hypervisor", "glasscloud-audience")]
    row = console.feed.request(told["id"])
    assert row is not None
    assert (row["name"], row["colour"], row["source"], row["query"]) == ("Ann Lee", 5, "audience", "hypervisor")


async def test_without_a_choice_a_phone_has_a_name_and_colour_that_its_stream_tells(console: Stand) -> None:
    url = await console.share()
    async with console.stream(url) as events:
        you = (await anext(events)).data["you"]
    status, told = await console.search(url, query="kvm")
    assert (status, told["you"]) == (200, you)


async def test_a_search_is_told_to_every_phone_and_the_trainer_sees_who_is_there(console: Stand) -> None:
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
            lambda: (console.feed.share.whole() or {}).get("who") == [{"name": "Ann", "colour": 2}], "who is there"
        )
        share = console.feed.share.whole()
        assert (share["reached"], share["here"]) == (1, 1)
    await until(lambda: console.feed.share.whole()["here"] == 0, "nobody looks any more")


async def test_a_page_on_the_trainer_s_own_machine_is_no_phone_that_reached_it(console: Stand) -> None:
    url = await console.share()
    own = aiohttp.TCPConnector(local_addr=(LAN, 0))
    async with aiohttp.ClientSession(connector=own) as browser, browser.get(f"{url}/api/stream") as answer:
        assert answer.status == 200
        assert (await console.order.share())["share"]["reached"] == 0
        async with console.stream(url):
            assert (await console.order.share())["share"]["reached"] == 1


async def test_ending_it_ends_the_streams_of_phones(console: Stand) -> None:
    url = await console.share()
    async with console.stream(url) as events:
        await anext(events)
        await console.order.share("DELETE")
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
async def test_a_search_that_makes_no_sense_is_refused_and_goes_no_further(console: Stand, body: bytes) -> None:
    url = await console.share()
    async with console.http.post(f"{url}/api/search", data=body, headers=JSON) as answer:
        assert answer.status == 400
        assert re.search("must|maximum|larger", (await answer.json())["error"]["message"])
    assert console.front_end.asked == []


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


async def test_the_command_says_that_it_is_shared_elsewhere_already(
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


async def test_the_command_tells_an_end_from_nothing_to_end(
    share: Callable[..., Awaitable[int]], capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert console.front_end.asked == [("kvm", "glasscloud")]


async def test_what_happens_before_the_audience_follows_is_shown_too(console: Stand) -> None:
    """An event after the audience's first look at the feed and before its subscription."""
    cast = Cast(console.feed)
    now = cloud(instance(0))
    console.feed.on_cloud(CloudChange(event=now, before=CloudState(), after=fold(CloudState(), now)))
    console.feed.snapshot()

    async def phone(request: web.BaseRequest) -> web.StreamResponse:
        return await cast.respond(request, "a phone", Guests(own=LAN).meet("a phone"))

    running = asyncio.create_task(cast.run())
    try:
        async with serve(phone, listen("127.0.0.1", 0)) as url, console.http.get(url) as answer, asyncio.timeout(10):
            async for event in read_events(answer.content):
                told = event.data["instances"] if event.kind == "snapshot" else event.data["instances"]["set"]
                if [row["id"] for row in told] == [IDS[0]]:
                    break
    finally:
        running.cancel()
        cast.close()
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
async def test_a_phone_reads_documents_of_the_service_and_nothing_else(
    console: Stand, url: str, status: int, asked: list[str]
) -> None:
    shared = await console.share()
    async with console.http.get(f"{shared}/api/document", params={"url": url}) as answer:
        assert answer.status == status
        data = await answer.json()
    assert [path for path, _ in console.front_end.asked] == asked
    if status == 200:
        assert data == {"title": "KVM", "body": "Text."}
