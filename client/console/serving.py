"""A console on a session that is open: everything that it hears, does and serves, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from functools import partial

from client.console.app import application
from client.console.asking import Asker
from client.console.desk import Desk
from client.console.feed import Feed
from client.console.flow import follow_flow
from client.console.guard import Door
from client.console.keys import Key
from client.console.loading import Loading
from client.console.log import Entry
from client.console.share.interfaces import hidden
from client.console.share.sharing import Sharing
from client.session import Session
from vmhost.base.web import listen, serve
from vmhost.base.web_guard import LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a console is served, and where: a taken port gives way to the next free one where `port_search`.

    The shown addresses are those by which people reach search and API; the search's is empty in a cloud without one."""

    key: Key
    bind: str = "127.0.0.1"
    port: int
    port_search: bool = False
    shown_search: str
    shown_api: str
    why: str = ""
    """Why the machines are of this kind and how to get the other; empty where somebody chose it."""
    hosts: Collection[str] = LOOPBACK
    again: bool = False
    """Whether it takes the place of one that ended though nobody asked it to."""


@contextlib.asynccontextmanager
async def serve_console(session: Session, setting: Setting) -> AsyncIterator[str]:
    """Serves while the block lasts and gives the console's URL, without the token.

    Raises InvalidInput where it cannot listen."""
    sock = listen(setting.bind, setting.port, search=setting.port_search)
    links = {"search": setting.shown_search, "api": setting.shown_api}
    # On loopback, browsers run where we do, even in a container. A published port is opened from outside of it.
    unreached = "" if setting.bind in LOOPBACK else hidden()
    feed = Feed(session.watcher.state, links=links, why=setting.why, browser_here=not unreached)
    if setting.again:
        text, at = "the console restarted: past runs and sharing are gone", time.time()
        feed.enter(Entry(id=f"began-{at:.3f}", at=at, text=text, tone="care"))
    asker = Asker(session.service.url)
    session.watcher.listeners.append(feed.on_cloud)
    session.watcher.answering.append(lambda answers: feed.on_answering("platform", answers))
    session.experiments.listeners.append(feed.on_step)
    desk, loading = Desk(session, feed, asker), Loading(session, feed)
    sharing = Sharing(feed, asker, why=unreached)
    gate = Door(setting.key, setting.hosts)
    app = application(feed=feed, desk=desk, loading=loading, sharing=sharing, key=setting.key, gate=gate)
    tasks = [
        asyncio.create_task(feed.run()),
        asyncio.create_task(desk.learn()),
        asyncio.create_task(loading.run()),
    ]
    if setting.shown_search:
        told = partial(feed.on_answering, "service")
        tasks.append(asyncio.create_task(follow_flow(session.service.url, feed, told)))
    try:
        async with serve(app, sock) as url:
            yield url
    finally:
        await sharing.stop()
        await desk.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asker.close()
