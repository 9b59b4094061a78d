"""Watching a cloud that another program runs: wait for its health, print its addresses, then its events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from client.called import DEFAULT_CLOUD, called
from client.console.keys import Key
from client.console.serving import Setting, serve_console
from client.load.joining.address import Address
from client.load.joining.gathering import Gathering
from client.load.joining.token import Token
from client.local.meant import find_access, find_queries, find_search, not_up
from client.local.places import DEMO_PREFIX
from client.tour.session import SearchService, Session, open_session
from client.tour.world import shard_of
from client.view.model import Note, ViewState
from client.view.plain import FOR_PEOPLE, FOR_PROGRAMS, PlainView
from vmhost.api.access import ACCESS_VARIABLE, Access
from vmhost.api.client import CloudClient
from vmhost.api.views import Snapshot
from vmhost.base.errors import CloudError, DeadlineExceeded, NotFound

_PAUSE_S = 0.2
_SETTLE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What to watch. What is not named is taken from the environment, else from the local cloud."""

    access: Path | None
    frontend: str | None
    rate_per_s: float
    queries: Path | None
    shown_search: str | None
    """The addresses as people reach them, where those differ from ours."""
    shown_api: str | None
    wait_s: float
    console: Address | None = None
    """Where a console is served; with it a file for its token, and its address as people reach it."""
    console_key: Path | None = None
    shown_console: str | None = None
    workers: Address | None = None
    """Where workers may join, who then send the load instead of us; with them a token."""
    token: Token | None = None
    as_json: bool = False
    """Print a JSON object a line."""


async def watch(watching: Watching) -> int:
    """Watches until cancelled, which counts as its end. Raises CloudErrors when the cloud does not come."""
    access, url = await _until_healthy(watching)
    wording = FOR_PROGRAMS if watching.as_json else FOR_PEOPLE

    def say(text: str) -> None:
        _print(wording.note(Note(at=time.time(), text=text)))

    async with contextlib.AsyncExitStack() as stack:
        crew = await stack.enter_async_context(_workers(watching, say))
        queries = watching.queries or find_queries(watching.access)
        session = await stack.enter_async_context(open_session(access, url, queries=queries, crew=crew, say=say))
        snapshot = await _settled(session)
        search, api = watching.shown_search or url, watching.shown_api or access.endpoint
        console = await stack.enter_async_context(_console(watching, session, search=search, api=api))
        if watching.as_json:
            told = {"up": snapshot.cloud, "console": console, "search": search, "api": api, "driver": snapshot.driver}
            _print(json.dumps(told))
        else:
            for text in block(snapshot, console=console, search=search, api=api, composed=_in_compose(watching)):
                _print(text)
        view = PlainView(session, ViewState(search_url=url, world=session.watch.world), _print, wording=wording)
        view.listen()
        if watching.rate_per_s:
            await session.start_load(watching.rate_per_s)
        await view.run(_nothing_more(), kill_after_s=None, rng=random.Random())
    return 0


@contextlib.asynccontextmanager
async def _workers(watching: Watching, warn: Callable[[str], None]) -> AsyncIterator[Gathering | None]:
    """Whoever joins while the block lasts; None where nobody may."""
    if watching.workers is None or watching.token is None:
        yield None
        return
    async with Gathering(watching.workers, watching.token, warn=warn) as gathering:
        yield gathering


@contextlib.asynccontextmanager
async def _console(watching: Watching, session: Session, *, search: str, api: str) -> AsyncIterator[str]:
    """A console while the block lasts: its address with the token; empty where none was asked for."""
    if watching.console is None:
        yield ""
        return
    key = Key.fresh() if watching.console_key is None else Key.kept(watching.console_key)
    setting = Setting(
        key=key, bind=watching.console.host, port=watching.console.port, shown_search=search, shown_api=api
    )
    async with serve_console(session, setting) as url:
        yield key.address(watching.shown_console or url)


async def _settled(session: Session) -> Snapshot:
    """The cloud once every instance of the service takes requests, or as it is after a while."""
    with contextlib.suppress(CloudError):
        world = await session.watch.until(
            lambda world: all(view.state == "running" for view in world.present),
            deadline_s=_SETTLE_S,
            what="the start of every instance",
        )
        serving = frozenset(view.id for view in world.running if shard_of(view) is not None)
        await session.service.until_in_rotation(lambda ids: serving <= ids, deadline_s=_SETTLE_S)
    world = session.watch.world
    assert world.snapshot is not None
    return replace(world.snapshot, instances=tuple(world.instances.values()))


async def _nothing_more() -> AsyncIterator[str]:
    """No stories, for ever: nobody supervises this cloud for us."""
    await asyncio.get_running_loop().create_future()
    yield ""


async def _until_healthy(watching: Watching) -> tuple[Access, str]:
    """The access and the front end's address once both answer well. Raises the last reason when they do not."""
    reason: CloudError = NotFound(not_up())
    try:
        async with asyncio.timeout(watching.wait_s):
            while True:
                try:
                    return await _healthy(watching)
                except CloudError as error:
                    reason = error
                    if _hopeless(watching, error):
                        raise
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise DeadlineExceeded(f"no healthy cloud within {watching.wait_s:g} s: {reason.message}") from None


def _hopeless(watching: Watching, error: CloudError) -> bool:
    """Whether waiting cannot help: nobody named a cloud that may still come, and none is here."""
    named = watching.access or watching.frontend or os.environ.get(ACCESS_VARIABLE)
    return isinstance(error, NotFound) and not named


async def _healthy(watching: Watching) -> tuple[Access, str]:
    access, url = find_access(watching.access), find_search(watching.frontend, watching.access)
    async with CloudClient(access, timeout_s=5.0) as cloud:
        await cloud.status()
    service = SearchService(url)
    try:
        if not await service.healthy():
            raise NotFound(f"the search service at {url} is not healthy yet")
    finally:
        service.close()
    return access, url


def _in_compose(watching: Watching) -> bool:
    """Whether people stand outside of where we run: then their addresses were given to us."""
    return watching.shown_search is not None or watching.shown_api is not None


def block(snapshot: Snapshot, *, console: str, search: str, api: str, composed: bool) -> list[str]:
    """Where the cloud is and what to do with it, in a few lines."""
    serving = [view for view in snapshot.instances if view.state == "running" and shard_of(view) is not None]
    kind = serving[0].type if serving else "none yet"
    program = called(snapshot.cloud)
    env = 'eval "$(docker compose exec -T client glasscloud env)"' if composed else f'eval "$({program} env)"'
    demo = snapshot.cloud.startswith(DEMO_PREFIX)
    stop = ["q in the demo's terminal"] if demo else [f"{program} down"]
    if composed:
        stop = ["Ctrl-C once, then docker compose down: the instances are removed too"]
    if composed:
        named = "" if snapshot.cloud == DEFAULT_CLOUD else f" --cloud {snapshot.cloud}"
        stop.append(f"a second Ctrl-C kills it: then .venv/bin/glasscloud down{named}")
    lines = [
        f"glasscloud is up: {len(serving)} instances ({kind}, {snapshot.stands_for}) on {len(snapshot.hosts)} hosts",
        *([f"  console  {console}"] if console else []),
        f"  search   {search}/search?q=hypervisor",
        f"  EC2 API  {api}   {env}",
    ]
    if snapshot.driver == "container" and serving:
        lines.append(f"  break it docker kill {snapshot.cloud}-{serving[0].id}")
    return [*lines, f"  stop     {stop[0]}", *(f"           {text}" for text in stop[1:])]


def _print(text: str) -> None:
    print(text, flush=True)
