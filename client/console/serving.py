"""A console on a session that is open: everything that it hears, does and serves, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from client.console.app import application
from client.console.asking import Asker
from client.console.desk import Desk
from client.console.feed import Feed
from client.console.flow import follow_flow
from client.console.guard import LOOPBACK, Door
from client.console.keys import Key
from client.tour.session import Session
from vmhost.base.web import serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a console is served. The shown addresses are those by which people reach search and API."""

    key: Key
    shown_search: str
    shown_api: str
    why: str = ""
    """Why the machines are of this kind and how to get the other; empty where somebody chose it."""
    hosts: Collection[str] = LOOPBACK


@contextlib.asynccontextmanager
async def serve_console(session: Session, sock: socket.socket, setting: Setting) -> AsyncIterator[str]:
    """Serves on the listening socket and gives the console's URL, without the token."""
    links = {"search": setting.shown_search, "api": setting.shown_api}
    feed = Feed(session.watch.world, links=links, why=setting.why)
    asker = Asker(session.service.url)
    app = application(
        feed=feed, desk=Desk(session, feed, asker), key=setting.key, gate=Door(setting.key, setting.hosts)
    )
    session.watch.listener = feed.on_cloud
    session.watch.answering = lambda answers: feed.on_answering("platform", answers)
    tasks = [
        asyncio.create_task(feed.run()),
        asyncio.create_task(
            follow_flow(session.service.url, feed, lambda answers: feed.on_answering("service", answers))
        ),
    ]
    try:
        async with serve(app, sock) as url:
            yield url
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asker.close()
