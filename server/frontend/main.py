"""The front end as a program: deploys the service's instances, finds their leaves, serves."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from server.frontend.deployment import Deployment, check_capacity, deploy, live_fleets
from server.frontend.discovery import Discovery
from server.frontend.frontend_app import LINE_BYTES_MAX, FrontEnd, Settings
from server.frontend.observer import Observer
from server.frontend.shard_map import ShardMap
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.base import gc_tuning
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import CloudError, InvalidInput, Unavailable
from vmhost.base.ids import Ids, RandomIds
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, serve, url_of, write_ready
from vmhost.base.web_guard import LOOPBACK

EXAMPLES = """\
  python -m server frontend --access state/access.json
  python -m server frontend --access access.json --shards 3 --port 0
"""
DEFAULT_IMAGE = "ami-0d0c5ea2c4"
_SHARDS_MAX = 16
_REPLICAS_MAX = 64
_PLATFORM_WAIT_S = 15.0
_PLATFORM_PAUSE_S = 0.2
_PROBLEMS_POLL_S = 2.0
_log = get_logger("frontend")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the front end's options."""
    parser.add_argument(
        "--access", type=Path, metavar="FILE", help="access file of the cloud (default $GLASSCLOUD_ACCESS)"
    )
    parser.add_argument("--endpoint", metavar="URL", help="address of the cloud's EC2 API, if it differs from here")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000; 0: any free one)")
    parser.add_argument("--next-free-port", action="store_true", help="use the next free port if that one is in use")
    parser.add_argument("--port-search", action="store_true", dest="next_free_port", help=argparse.SUPPRESS)
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME", help="accept this name in the Host header too"
    )
    parser.add_argument(
        "--service", default="search", metavar="NAME", help="tag of the service's instances (default search)"
    )
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="number of parts of the index (default 2)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="instances per part (default 2)")
    parser.add_argument("--type", default="t3.nano", dest="type_name", metavar="TYPE", help="instance type (t3.nano)")
    parser.add_argument("--image", default=DEFAULT_IMAGE, metavar="AMI", help=f"image of the leaves ({DEFAULT_IMAGE})")
    parser.add_argument("--index", metavar="DIR", help="the leaves' index folder (default the one in their image)")
    parser.add_argument(
        "--deadline-ms", type=float, default=1000.0, metavar="MS", help="time for one request (default 1000)"
    )
    parser.add_argument(
        "--hedge-percent", type=float, default=5.0, metavar="P", help="maximum share of hedged requests (5; 0: none)"
    )
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--log-json", action="store_true", help="log JSON lines")
    parser.add_argument("--ready", type=Path, metavar="FILE", help="write this file once the service is complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndOptions:
    """The program's options, checked."""

    deployment: Deployment
    settings: Settings
    hedge_share: float
    bind: str
    port: int
    port_search: bool
    ready: Path | None


def checked_options(args: argparse.Namespace) -> FrontEndOptions:
    """Check the options. Raises InvalidInput for the first that is out of range."""
    _check_range("--shards", args.shards, 1, _SHARDS_MAX)
    _check_range("--replicas", args.replicas, 1, _REPLICAS_MAX)
    _check_range("--deadline-ms", args.deadline_ms, 10, 60_000)
    _check_range("--hedge-percent", args.hedge_percent, 0, 100)
    _check_range("--port", args.port, 0, 65535)
    return FrontEndOptions(
        deployment=Deployment(
            service=args.service,
            shards=args.shards,
            replicas=args.replicas,
            image_id=args.image,
            type_name=args.type_name,
            index=args.index,
        ),
        settings=Settings(
            service=args.service,
            deadline_s=args.deadline_ms / 1000,
            hosts=LOOPBACK | {args.bind.lower(), *(name.lower() for name in args.allowed_host)},
        ),
        hedge_share=args.hedge_percent / 100,
        bind=args.bind,
        port=args.port,
        port_search=args.next_free_port,
        ready=args.ready,
    )


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{name} {value:g} is out of range ({least:g} to {most:g})")


async def run(args: argparse.Namespace) -> None:
    """Serve until cancelled, then finish the requests in flight. Raises CloudErrors if it cannot start."""
    options = checked_options(args)
    access = Access.load(args.access)
    if args.endpoint:
        access = replace(access, endpoint=args.endpoint)
    clock = SystemClock()
    async with CloudClient(access, agent="glasscloud-frontend") as client:
        await _deploy_when_reachable(client, options.deployment, RandomIds(), clock)
        gc_tuning.collect_rarely()
        async with serving(client, options, clock, random.Random()) as url:
            _log.info("serving", url=url)
            await asyncio.get_running_loop().create_future()


async def _deploy_when_reachable(client: CloudClient, deployment: Deployment, ids: Ids, clock: Clock) -> None:
    """Deploys the service; waits up to 15 s for a platform that is still starting.

    Raises NoCapacity if the instances do not fit, InvalidInput for a type that does not exist."""
    until = clock.monotonic() + _PLATFORM_WAIT_S
    while True:
        try:
            await check_capacity(client, deployment)
            return await deploy(client, deployment, ids)
        except Unavailable:
            if clock.monotonic() >= until:
                raise
        await clock.sleep(_PLATFORM_PAUSE_S)


@contextlib.asynccontextmanager
async def serving(
    client: CloudClient, options: FrontEndOptions, clock: Clock, rng: random.Random
) -> AsyncIterator[str]:
    """Run the whole front end inside the context, which is entered once each shard has a replica. Gives its URL."""
    sock = listen(options.bind, options.port, search=options.port_search)
    async with asyncio.TaskGroup() as tasks:
        shard_map = ShardMap(
            options.deployment.shards,
            rng=rng,
            spawn=tasks.create_task,
            monotonic=time.monotonic,
            hedge_share=options.hedge_share,
        )
        observer = Observer(clock, shard_map)
        changed = asyncio.Event()
        service = options.deployment.service
        discovery = Discovery(client, shard_map, service=service, clock=clock, on_change=changed.set)
        front_end = FrontEnd(
            shard_map=shard_map,
            observer=observer,
            settings=options.settings,
            rng=rng,
            starting=lambda: discovery.starting,
        )
        background = [tasks.create_task(discovery.run()), tasks.create_task(observer.publish_each_second())]
        try:
            async with serve(front_end.handle, sock, line_bytes_max=LINE_BYTES_MAX) as url:
                try:
                    await _until_complete(shard_map, changed, client, service)
                    write_ready(options.ready, url=url_of(sock))
                    yield url
                finally:
                    observer.hub.close()
        finally:
            for task in background:
                task.cancel()
            shard_map.close()


async def _until_complete(shard_map: ShardMap, changed: asyncio.Event, client: CloudClient, service: str) -> None:
    """Returns once each shard has a replica; until then it logs why launches fail."""
    logged: list[str] = []
    while not shard_map.complete:
        changed.clear()
        try:
            async with asyncio.timeout(_PROBLEMS_POLL_S):
                await changed.wait()
        except TimeoutError:
            if (reasons := await _launch_problems(client, service)) and reasons != logged:
                logged = reasons
                _log.warning("launches_failed", reasons=reasons)


async def _launch_problems(client: CloudClient, service: str) -> list[str]:
    """Why launches of the service's fleets fail; empty if they succeed or the platform does not answer."""
    with contextlib.suppress(CloudError):
        return sorted({fleet.error for fleet in await live_fleets(client, service) if fleet.error})
    return []
