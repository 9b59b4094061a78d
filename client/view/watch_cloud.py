"""Watch a cloud that another program runs: wait until it is healthy, print its addresses, then its events."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from client.cloud_state import shard_of
from client.console.console_server import ConsoleSettings, serve_console
from client.console.request_guard import ConsoleKey
from client.load.distributed.connection import Address
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.local.state_dir import DEMO_PREFIX
from client.local.target_cloud import find_access, find_queries, find_search_url, not_running
from client.program_name import DEFAULT_CLOUD, program_name
from client.search_service import SearchService
from client.session import Session, open_session
from client.view.plain_view import PlainView, note_json, note_line, print_line
from client.view.view_state import Note, ViewState
from vmhost.api.access import ACCESS_VARIABLE, Access
from vmhost.api.client import CloudClient
from vmhost.api.drivers import driver_named
from vmhost.api.views import Snapshot
from vmhost.base.errors import CloudError, DeadlineExceeded, NotFound

_PAUSE_S = 0.2
_SETTLE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What to watch. Missing values are taken from the environment, else from the local cloud."""

    access: Path | None
    frontend: str | None
    rate_per_s: float
    queries: Path | None
    shown_search: str | None
    """The addresses to print, if they differ from ours."""
    shown_api: str | None
    wait_s: float
    console: Address | None = None
    """Where to serve a console, with the file for its token and the address to print."""
    console_key: Path | None = None
    shown_console: str | None = None
    workers: Address | None = None
    """Where to accept load workers, which then send the load instead of us, and their token."""
    token: WorkerToken | None = None
    as_json: bool = False
    """Print one JSON object per line."""


async def watch(options: WatchOptions) -> int:
    """Watch until cancelled. Raises CloudErrors if the cloud does not become healthy."""
    access, url = await _until_healthy(options)

    def say(text: str) -> None:
        note = Note(at=time.time(), text=text)
        print_line(note_json(note) if options.as_json else note_line(note))

    async with contextlib.AsyncExitStack() as stack:
        worker_pool = await stack.enter_async_context(_workers(options, say))
        queries = options.queries or find_queries(options.access)
        session = await stack.enter_async_context(
            open_session(access, url, queries=queries, worker_pool=worker_pool, say=say)
        )
        snapshot = await _settled(session)
        search, api = options.shown_search or url, options.shown_api or access.endpoint
        console = await stack.enter_async_context(_console(options, session, search=search, api=api))
        if options.as_json:
            addresses = {"up": snapshot.cloud, "console": console, "search": search, "api": api}
            print_line(msgspec.json.encode({**addresses, "driver": snapshot.driver}).decode())
        else:
            # In compose the addresses from the outside were given to us.
            composed = options.shown_search is not None or options.shown_api is not None
            for text in block(snapshot, console=console, search=search, api=api, composed=composed):
                print_line(text)
        state = ViewState(search_url=url, cloud_state=session.watcher.state)
        view = PlainView(session, state, print_line, as_json=options.as_json)
        view.listen()
        if options.rate_per_s:
            await session.start_load(options.rate_per_s)
        await view.run(_no_messages(), kill_after_s=None, rng=random.Random())
    return 0


@contextlib.asynccontextmanager
async def _workers(options: WatchOptions, warn: Callable[[str], None]) -> AsyncIterator[WorkerPool | None]:
    """Accept workers while the block lasts; yield None if no address is configured."""
    if options.workers is None or options.token is None:
        yield None
        return
    async with WorkerPool(options.workers, options.token, warn=warn) as pool:
        yield pool


@contextlib.asynccontextmanager
async def _console(options: WatchOptions, session: Session, *, search: str, api: str) -> AsyncIterator[str]:
    """Serve a console while the block lasts; yield its address with the token, empty if none is configured."""
    if options.console is None:
        yield ""
        return
    key = ConsoleKey.create() if options.console_key is None else ConsoleKey.read_or_create(options.console_key)
    setting = ConsoleSettings(
        key=key, bind=options.console.host, port=options.console.port, shown_search=search, shown_api=api
    )
    async with serve_console(session, setting) as url:
        yield key.link(options.shown_console or url)


async def _settled(session: Session) -> Snapshot:
    """Return the cloud once every instance of the service takes requests, or its state after a timeout."""
    with contextlib.suppress(CloudError):
        cloud_state = await session.watcher.until(
            lambda cloud_state: all(view.state == "running" for view in cloud_state.present),
            deadline_s=_SETTLE_S,
            what="the start of every instance",
        )
        serving = frozenset(view.id for view in cloud_state.running if shard_of(view) is not None)
        await session.service.wait_for_rotation(lambda ids: serving <= ids, deadline_s=_SETTLE_S)
    cloud_state = session.watcher.state
    assert cloud_state.snapshot is not None
    return replace(cloud_state.snapshot, instances=tuple(cloud_state.instances.values()))


async def _no_messages() -> AsyncIterator[str]:
    """Yield nothing and never end: there is no supervisor to report."""
    await asyncio.get_running_loop().create_future()
    yield ""


async def _until_healthy(options: WatchOptions) -> tuple[Access, str]:
    """Return access and front end URL once both are healthy. Raises DeadlineExceeded with the last reason."""
    reason: CloudError = NotFound(not_running())
    try:
        async with asyncio.timeout(options.wait_s):
            while True:
                try:
                    return await _healthy(options)
                except CloudError as error:
                    reason = error
                    if _cannot_appear(options, error):
                        raise
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise DeadlineExceeded(f"no healthy cloud within {options.wait_s:g} s: {reason.message}") from None


def _cannot_appear(options: WatchOptions, error: CloudError) -> bool:
    """Return whether waiting is useless: no cloud was named that may still start, and none runs here."""
    named = options.access or options.frontend or os.environ.get(ACCESS_VARIABLE)
    return isinstance(error, NotFound) and not named


async def _healthy(options: WatchOptions) -> tuple[Access, str]:
    access, url = find_access(options.access), find_search_url(options.frontend, options.access)
    async with CloudClient(access, timeout_s=5.0) as cloud:
        await cloud.status()
    service = SearchService(url)
    try:
        if not await service.healthy():
            raise NotFound(f"the search service at {url} is not healthy yet")
    finally:
        service.close()
    return access, url


def block(snapshot: Snapshot, *, console: str, search: str, api: str, composed: bool) -> list[str]:
    """Return the cloud's addresses, and the commands to use it, as text lines."""
    serving = [view for view in snapshot.instances if view.state == "running" and shard_of(view) is not None]
    kind = serving[0].type if serving else "none yet"
    program = program_name(snapshot.cloud)
    env = 'eval "$(docker compose exec -T client glasscloud env)"' if composed else f'eval "$({program} env)"'
    demo = snapshot.cloud.startswith(DEMO_PREFIX)
    stop = ["q in the demo's terminal"] if demo else [f"{program} down"]
    if composed:
        stop = ["Ctrl-C once, then docker compose down: the instances are removed too"]
        named = "" if snapshot.cloud == DEFAULT_CLOUD else f" --cloud {snapshot.cloud}"
        stop.append(f"a second Ctrl-C kills it: then .venv/bin/glasscloud down{named}")
    lines = [
        f"glasscloud is up: {len(serving)} instances ({kind}, {snapshot.stands_for}) on {len(snapshot.hosts)} hosts",
        *([f"  console  {console}"] if console else []),
        f"  search   {search}/search?q=hypervisor",
        f"  EC2 API  {api}   {env}",
    ]
    if serving and (command := driver_named(snapshot.driver_of(serving[0].host)).kill_command):
        lines.append(f"  break it {command.format(cloud=snapshot.cloud, instance=serving[0].id)}")
    return [*lines, f"  stop     {stop[0]}", *(f"           {text}" for text in stop[1:])]
