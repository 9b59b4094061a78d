"""Finds the service's leaves through the platform's API and follows their state.

Events arrive at once; every few seconds a plain DescribeInstances makes up for any that were lost. An instance becomes
a replica only when its /healthz has answered for the right shard.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec

from server.api import SERVICE_TAG, SHARD_TAG
from server.frontend.replicas import LeafInstance
from server.frontend.shard_map import ShardMap
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView, Snapshot
from vmhost.base.clock import Clock
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.logs import get_logger

POLL_S = 5.0
PORT_DEFAULT = 8080
_CALL_TIMEOUT_S = 10.0
_PROBE_TIMEOUT_S = 1.0
_PROBE_PAUSE_FIRST_S = 0.02
_PROBE_PAUSE_MAX_S = 0.5
_HEADER_WORD = re.compile(r"[\w.:-]{1,80}", re.ASCII)
_log = get_logger("discovery")


def leaf_of(view: InstanceView, *, service: str, shards: int) -> LeafInstance | None:
    """The leaf that runs in an instance, or None if it runs none of this service or cannot answer. Pure."""
    if view.state != "running" or view.impaired or view.tags.get(SERVICE_TAG) != service or not view.address:
        return None
    shard = view.tags.get(SHARD_TAG, "")
    if not shard.isdecimal() or not shard.isascii() or len(shard) > 6 or int(shard) >= shards:
        return None
    return LeafInstance(
        instance_id=_header_word(view.id),
        type=_header_word(view.type),
        host=_header_word(view.host),
        shard=int(shard),
        address=view.address,
        port=view.port or PORT_DEFAULT,
    )


def _header_word(text: str) -> str:
    """The text if it can stand in a header unchanged, else a dash."""
    return text if _HEADER_WORD.fullmatch(text) else "-"


class Discovery:
    """Keeps the shard map's replicas equal to the healthy running instances of one service."""

    def __init__(
        self,
        client: CloudClient,
        shard_map: ShardMap,
        *,
        service: str,
        clock: Clock,
        on_change: Callable[[], None],
        poll_s: float = POLL_S,
    ) -> None:
        """`on_change` is called after each replica that was added or removed."""
        self._client = client
        self._shard_map = shard_map
        self._service = service
        self._clock = clock
        self._on_change = on_change
        self._poll_s = poll_s
        self._known: dict[str, LeafInstance] = {}
        self._updated: set[str] = set()

    @property
    def starting(self) -> tuple[LeafInstance, ...]:
        """Running instances whose leaf has not answered yet."""
        replicas = set(self._shard_map.leaves())
        return tuple(leaf for leaf in self._known.values() if leaf not in replicas)

    async def run(self) -> None:
        """Follows the cloud until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(tasks))
            tasks.create_task(self._poll(tasks))

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            try:
                async for event in self._client.events(stats=False):
                    if isinstance(event, Snapshot):
                        self._apply_all(event.instances, tasks)
                    elif isinstance(event, InstanceView):
                        self._updated.add(event.id)
                        self._apply(event, tasks)
            except CloudError as error:
                _log.warning("event_stream_failed", error=error.message)
            await self._clock.sleep(self._poll_s)

    async def _poll(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._updated.clear()
            try:
                async with asyncio.timeout(_CALL_TIMEOUT_S):
                    views = await self._client.describe_instances({f"tag:{SERVICE_TAG}": [self._service]})
                    impaired = await self._client.impaired_instances()
            except (CloudError, TimeoutError) as error:
                # Replicas that answer stay in use: without the platform, running and dead instances look the same.
                _log.warning("platform_unreachable", error=str(error))
            else:
                current = (replace(view, impaired="impaired") if view.id in impaired else view for view in views)
                self._apply_all(current, tasks, skip=frozenset(self._updated))
            await self._clock.sleep(self._poll_s)

    def _apply_all(
        self, views: Iterable[InstanceView], tasks: asyncio.TaskGroup, *, skip: frozenset[str] = frozenset()
    ) -> None:
        """Applies a complete list of instances; `skip` names those of which an event has brought newer data."""
        listed = {view.id: view for view in views}
        for instance_id in [each for each in self._known if each not in listed and each not in skip]:
            self._remove(instance_id, "gone")
        for instance_id, view in listed.items():
            if instance_id not in skip:
                self._apply(view, tasks)

    def _apply(self, view: InstanceView, tasks: asyncio.TaskGroup) -> None:
        leaf = leaf_of(view, service=self._service, shards=len(self._shard_map.shards))
        if leaf == self._known.get(view.id):
            return
        self._remove(view.id, view.impaired or view.state)
        if leaf is not None:
            self._known[view.id] = leaf
            tasks.create_task(self._add_when_healthy(leaf))

    def _remove(self, instance_id: str, why: str) -> None:
        self._known.pop(instance_id, None)
        if self._shard_map.remove(instance_id):
            _log.info("replica_removed", instance=instance_id, why=why)
            self._on_change()

    async def _add_when_healthy(self, leaf: LeafInstance) -> None:
        """Probes the leaf until it is healthy, then adds it to the shard map."""
        pause_s = _PROBE_PAUSE_FIRST_S
        while self._known.get(leaf.instance_id) is leaf:
            if await healthy(leaf):
                if self._known.get(leaf.instance_id) is leaf:
                    self._shard_map.add(leaf)
                    _log.info("replica_added", instance=leaf.instance_id, shard=leaf.shard)
                    self._on_change()
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _PROBE_PAUSE_MAX_S)


class _Health(msgspec.Struct):
    """What discovery reads of a leaf's /healthz."""

    shard: int


async def healthy(leaf: LeafInstance) -> bool:
    """Whether the leaf answers /healthz with 200 for its shard."""
    pool = ConnectionPool(leaf.address, leaf.port, limit=1)
    try:
        response = await pool.request(
            build_request("GET", "/healthz", [("Host", "leaf"), ("Connection", "close")]), timeout_s=_PROBE_TIMEOUT_S
        )
        return response.status == 200 and msgspec.json.decode(response.body, type=_Health).shard == leaf.shard
    except (HttpFailure, msgspec.DecodeError):
        return False
    finally:
        pool.close()
