"""The front end as a program: ensures the service's machines, finds their leaves, serves."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from server.frontend.app import LINE_BYTES_MAX, FrontEnd, Pages, Settings
from server.frontend.deploy import Deployment, ensure, live_fleets
from server.frontend.discovery import Discovery
from server.frontend.fanout import Fanout
from server.frontend.observe import Observer
from server.frontend.room import must_fit
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.base import collector
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import CloudError, InvalidInput, Unavailable
from vmhost.base.host_header import LOOPBACK
from vmhost.base.ids import Ids, RandomIds
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, serve, url_of, write_ready

EXAMPLES = """\
  python -m server frontend --access state/access.json
  python -m server frontend --access state/access.json --shards 3 --replicas 2 --port 0
"""
DEFAULT_IMAGE = "ami-0d0c5ea2c4"
_SHARDS_MAX = 16
_REPLICAS_MAX = 64
_CLOUD_PATIENCE_S = 15.0
_CLOUD_PAUSE_S = 0.2
_TROUBLE_POLL_S = 2.0
_log = get_logger("frontend")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the front end's options."""
    parser.add_argument(
        "--access", type=Path, metavar="FILE", help="the cloud's access file (default: $GLASSCLOUD_ACCESS)"
    )
    parser.add_argument("--endpoint", metavar="URL", help="the cloud's address as reached from here")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000; 0: any free one)")
    parser.add_argument("--port-search", action="store_true", help="take the next free port if that one is taken")
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME", help="another name that clients may call it by"
    )
    parser.add_argument("--service", default="search", metavar="NAME", help="tag of the service's machines (search)")
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="parts of the index (2)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="machines per part (2)")
    parser.add_argument("--type", default="t3.nano", dest="type_name", metavar="TYPE", help="instance type (t3.nano)")
    parser.add_argument("--image", default=DEFAULT_IMAGE, metavar="AMI", help=f"image of the leaves ({DEFAULT_IMAGE})")
    parser.add_argument("--index", metavar="DIR", help="index folder as leaves see it (default: the image's own)")
    parser.add_argument("--deadline-ms", type=float, default=1000.0, metavar="MS", help="time for one request (1000)")
    parser.add_argument(
        "--hedge-percent", type=float, default=5.0, metavar="P", help="most hedged requests; 0: none (5)"
    )
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--log-json", action="store_true", help="log JSON lines")
    parser.add_argument("--ready", type=Path, metavar="FILE", help="write this file once the service is complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `run` was asked for, checked."""

    deployment: Deployment
    settings: Settings
    hedge_share: float
    bind: str
    port: int
    port_search: bool
    ready: Path | None


def plan_of(args: argparse.Namespace) -> Plan:
    """The options as a plan. Raises InvalidInput naming the first that makes no sense."""
    _within("--shards", args.shards, 1, _SHARDS_MAX)
    _within("--replicas", args.replicas, 1, _REPLICAS_MAX)
    _within("--deadline-ms", args.deadline_ms, 10, 60_000)
    _within("--hedge-percent", args.hedge_percent, 0, 100)
    _within("--port", args.port, 0, 65535)
    return Plan(
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
        port_search=args.port_search,
        ready=args.ready,
    )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{name} is {value:g}; expected a number from {least:g} to {most:g}")


async def run(args: argparse.Namespace) -> None:
    """Serves until it is cancelled, then drains. Raises CloudErrors where it cannot begin."""
    from server.pages import SearchPages

    plan = plan_of(args)
    access = Access.load(args.access)
    if args.endpoint:
        access = replace(access, endpoint=args.endpoint)
    clock = SystemClock()
    async with CloudClient(access, agent="glasscloud-frontend") as client:
        await _ensure_patiently(client, plan.deployment, RandomIds(), clock)
        collector.relax()
        async with serving(client, plan, SearchPages(), clock, random.Random()) as url:
            _log.info("serving", url=url)
            await asyncio.get_running_loop().create_future()


async def _ensure_patiently(client: CloudClient, deployment: Deployment, ids: Ids, clock: Clock) -> None:
    """Makes the instances; a cloud that is still starting is given some time.

    Raises NoCapacity where they do not fit, InvalidInput for a type that does not exist."""
    until = clock.monotonic() + _CLOUD_PATIENCE_S
    while True:
        try:
            await must_fit(client, deployment)
            return await ensure(client, deployment, ids)
        except Unavailable:
            if clock.monotonic() >= until:
                raise
        await clock.sleep(_CLOUD_PAUSE_S)


@contextlib.asynccontextmanager
async def serving(
    client: CloudClient, plan: Plan, pages: Pages, clock: Clock, rng: random.Random
) -> AsyncIterator[str]:
    """The whole front end while the context lasts; entered as soon as each shard has a replica. Gives its URL."""
    sock = listen(plan.bind, plan.port, search=plan.port_search)
    async with asyncio.TaskGroup() as tasks:
        fanout = Fanout(
            plan.deployment.shards,
            rng=rng,
            spawn=tasks.create_task,
            monotonic=time.monotonic,
            hedge_share=plan.hedge_share,
        )
        observer = Observer(clock, fanout, time.monotonic)
        changed = asyncio.Event()
        discovery = Discovery(client, fanout, service=plan.deployment.service, clock=clock, changed=changed.set)
        front_end = FrontEnd(
            fanout=fanout,
            observer=observer,
            pages=pages,
            settings=plan.settings,
            rng=rng,
            monotonic=time.monotonic,
            starting=lambda: discovery.probing,
        )
        background = [tasks.create_task(discovery.run()), tasks.create_task(observer.tell_each_second())]
        try:
            async with serve(front_end.handle, sock, line_bytes_max=LINE_BYTES_MAX) as url:
                try:
                    await _complete(fanout, changed, lambda: _trouble(client, plan.deployment.service))
                    write_ready(plan.ready, url=url_of(sock))
                    yield url
                finally:
                    observer.hub.close()
        finally:
            for task in background:
                task.cancel()
            fanout.close()


async def _complete(fanout: Fanout, changed: asyncio.Event, trouble: Callable[[], Awaitable[list[str]]]) -> None:
    """Returns once each shard has a replica; until then logs what the platform says of launches that fail."""
    logged: list[str] = []
    while not fanout.complete:
        changed.clear()
        try:
            async with asyncio.timeout(_TROUBLE_POLL_S):
                await changed.wait()
        except TimeoutError:
            if (reasons := await trouble()) and reasons != logged:
                logged = reasons
                _log.warning("instances_cannot_start", reasons=reasons)


async def _trouble(client: CloudClient, service: str) -> list[str]:
    """Why launches of the service's fleets fail; empty where they succeed or the platform does not answer."""
    with contextlib.suppress(CloudError):
        return sorted({fleet.trouble for fleet in await live_fleets(client, service) if fleet.trouble})
    return []
