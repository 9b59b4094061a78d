"""A console with an empty cloud, its audience, and a stub of the front end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from client.cloud_state import CloudState
from client.console.commands import Commands
from client.console.console_server import application
from client.console.load_controller import LoadController
from client.console.publisher import Publisher
from client.console.request_guard import ConsoleKey, RequestGuard
from client.console.share.sharing import Sharing
from client.console.share.sharing_client import SharingClient, sharing_client
from client.session import open_session
from server.api.timing import Attempt, RequestTrace, make_traceparent, render
from tests.integration.ec2.ec2_server import served
from vmhost.base.sse import Event, read_events
from vmhost.base.web import listen, serve
from vmhost.base.web_guard import LOOPBACK

LAN = "127.0.0.2"
"""Stands for the address on the network: loopback, and not the console's own."""
JSON = {"Content-Type": "application/json"}
TRACE = RequestTrace(
    trace_id="",
    total_ms=2.1,
    frontend_ms=0.4,
    attempts=(
        Attempt(instance_id="i-0a", type="t3.nano", host="host-a", shard=0, start_ms=0.2, dur_ms=1.6, search_ms=1.0),
    ),
)
HIT = {"title": "KVM", "url": "/doc/kvm", "snippet": [["a ", False], ["hypervisor", True]], "id": "kvm", "score": 1.0}


@dataclass(slots=True)
class FrontEnd:
    """Answers searches as the search service does, and notes who requests what."""

    requests: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/doc/"):
            self.requests.append((request.path, request.headers["User-Agent"]))
            if request.path != HIT["url"]:
                return web.json_response({"error": {"message": "there is no such document"}}, status=404)
            return web.json_response(
                {"id": "kvm", "title": "KVM", "kind": "lesson", "url": HIT["url"], "body": "Text."}
            )
        self.requests.append((request.query["q"], request.headers["User-Agent"]))
        trace = make_traceparent(f"{len(self.requests):032x}", "1" * 16)
        body = {"total": 1, "partial": False, "hits": [HIT]}
        return web.json_response(body, headers={"Server-Timing": render(TRACE), "traceparent": trace})


@dataclass(slots=True, kw_only=True)
class Stand:
    """All of it, for a test."""

    front_end: FrontEnd
    publisher: Publisher
    sharing: Sharing
    routes: list[tuple[str, str]]
    """Method and path of everything that the console answers."""
    url: str
    search_url: str
    key: ConsoleKey
    client: SharingClient
    """With the key."""
    http: aiohttp.ClientSession
    """A phone: without it."""

    async def share(self, **more: Any) -> str:
        """Begins sharing as the presenter does; the URL for phones."""
        told = await self.client.share("POST", {"address": LAN, "port": 0, **more})
        return str(told["share"]["url"])

    async def search(self, url: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """A phone's search; its answer."""
        async with self.http.post(f"{url}/api/search", data=json.dumps(body), headers=JSON) as answer:
            return answer.status, await answer.json()

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[AsyncIterator[Event]]:
        """A phone's stream."""
        async with self.http.get(f"{url}/api/stream") as answer:
            assert answer.status == 200, await answer.text()
            yield read_events(answer.content)


@contextlib.asynccontextmanager
async def stand(*, why: str = "") -> AsyncIterator[Stand]:
    """Serves while the block lasts. What is shown is put into the feed by the tests; the cloud behind it is empty.

    `why`: why no phone could come."""
    front_end, key = FrontEnd(), ConsoleKey.create()
    publisher = Publisher(CloudState(), links={}, why="")
    async with contextlib.AsyncExitStack() as stack:
        search = await stack.enter_async_context(serve(front_end.answer, listen("127.0.0.1", 0)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cloud = await stack.enter_async_context(served(folder))
        session = await stack.enter_async_context(open_session(cloud.access, search))
        sharing = Sharing(publisher, session.service, why=why)
        commands, load_controller = Commands(session, publisher), LoadController(session, publisher)
        app = application(
            publisher=publisher,
            commands=commands,
            load_controller=load_controller,
            sharing=sharing,
            key=key,
            guard=RequestGuard(key, LOOPBACK),
        )
        routes = [(each.method, each.resource.canonical) for each in app.router.routes() if each.resource is not None]
        url = await stack.enter_async_context(serve(app, listen("127.0.0.1", 0)))
        running = asyncio.create_task(publisher.run())
        stack.callback(running.cancel)
        stack.push_async_callback(sharing.stop)
        client = await stack.enter_async_context(sharing_client(url, key))
        # Connections are not kept: a test that closes something must not be answered on one that is still open.
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)))
        yield Stand(
            front_end=front_end, publisher=publisher, sharing=sharing, routes=routes, url=url, search_url=search,
            key=key, client=client, http=http,
        )  # fmt: skip


async def until(true: Any, what: str) -> None:
    """Waits until it holds, for at most ten seconds."""
    try:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within 10 s: {what}") from None
