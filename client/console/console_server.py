"""Serves a console on an open session for as long as a block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from client.console import instance_routes, load_routes, page_routes
from client.console.commands import Commands
from client.console.event_log import LogEntry
from client.console.load_controller import LoadController
from client.console.publisher import Publisher, follow_flow
from client.console.request_guard import (
    BODY_BYTES_MAX,
    ConsoleKey,
    RequestGuard,
    add_security_headers,
    guard_middleware,
)
from client.console.share.addresses import unreachable_reason
from client.console.share.sharing import Sharing
from client.session import Session
from vmhost.base.web import listen, serve
from vmhost.base.web_guard import LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """Where a console is served. With `port_search` a port that is taken gives way to the next free one.

    The shown addresses are those at which people reach search and API; `shown_search` is empty in a cloud without
    search."""

    key: ConsoleKey
    bind: str = "127.0.0.1"
    port: int
    port_search: bool = False
    shown_search: str
    shown_api: str
    why: str = ""
    """Why the instances are of this kind and how to get the other; empty if a person chose it."""
    hosts: Collection[str] = LOOPBACK
    restarted: bool = False
    """Whether it replaces a console that ended unexpectedly."""


@contextlib.asynccontextmanager
async def serve_console(session: Session, settings: ConsoleSettings) -> AsyncIterator[str]:
    """Serve while the block lasts; yields the console's URL, without the token.

    Raises InvalidInput if it cannot listen."""
    sock = listen(settings.bind, settings.port, search=settings.port_search)
    links = {"search": settings.shown_search, "api": settings.shown_api}
    # On loopback, browsers run where we do, even in a container. A published port is opened from outside of it.
    unreachable = "" if settings.bind in LOOPBACK else unreachable_reason()
    publisher = Publisher(session.watcher.state, links=links, why=settings.why, browser_here=not unreachable)
    if settings.restarted:
        text, at = "the console restarted: past runs and sharing are gone", time.time()
        publisher.add_entry(LogEntry(id=f"started-{at:.3f}", at=at, text=text, tone="warning"))
    session.watcher.listeners.append(publisher.on_cloud)
    session.watcher.answering.append(partial(publisher.on_reachable, "platform"))
    session.experiments.listeners.append(publisher.on_step)
    commands, load_controller = Commands(session, publisher), LoadController(session, publisher)
    sharing = Sharing(publisher, session.service, why=unreachable)
    app = application(
        publisher=publisher, commands=commands, load_controller=load_controller, sharing=sharing, key=settings.key,
        guard=RequestGuard(settings.key, settings.hosts),
    )  # fmt: skip
    tasks = [
        asyncio.create_task(publisher.run()),
        asyncio.create_task(commands.note_initial_fleets()),
        asyncio.create_task(load_controller.run()),
    ]
    if settings.shown_search:
        tasks.append(asyncio.create_task(follow_flow(session.service.url, publisher)))
    try:
        async with serve(app, sock) as url:
            yield url
    finally:
        await sharing.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def application(
    *,
    publisher: Publisher,
    commands: Commands,
    load_controller: LoadController,
    sharing: Sharing,
    key: ConsoleKey,
    guard: RequestGuard,
) -> web.Application:
    """Return the application to serve. Its streams end when it shuts down."""

    async def end_streams(_: web.Application) -> None:
        publisher.hub.close()

    app = web.Application(middlewares=[guard_middleware(guard)], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(end_streams)
    app.add_routes(page_routes.routes(publisher, commands, sharing, key, guard))
    app.add_routes(instance_routes.routes(commands, guard))
    app.add_routes(load_routes.routes(load_controller, guard))
    return app
