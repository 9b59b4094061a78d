"""Finds the leaves through the platform's API and follows what becomes of them.

Events tell at once; every few seconds a plain DescribeInstances makes up for any that got lost. An instance counts
as a replica only once its /healthz has answered for the right shard.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from server.frontend.fanout import Fanout
from server.frontend.membership import SERVICE_TAG, machine_of
from server.frontend.replicas import Machine
from vmhost.api.views import CloudEvent, InstanceView, Snapshot
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.logs import get_logger
from vmhost.base.pool import Pool

POLL_S = 5.0
_CALL_TIMEOUT_S = 10.0
_PROBE_TIMEOUT_S = 1.0
_PROBE_PAUSE_FIRST_S = 0.02
_PROBE_PAUSE_MAX_S = 0.5
_log = get_logger("discovery")


class Cloud(Protocol):
    """The part of the platform's client that finding leaves needs."""

    async def describe_instances(self, filters: Mapping[str, Sequence[str]] | None = None) -> tuple[InstanceView, ...]:
        """The instances that pass the filters."""

    async def impaired_instances(self) -> frozenset[str]:
        """The running instances whose status is impaired."""

    def events(self, *, stats: bool) -> AsyncIterator[CloudEvent]:
        """Snapshots and changes, without end."""


class Discovery:
    """Keeps the fan-out's replicas equal to the healthy running instances of one service."""

    def __init__(
        self,
        cloud: Cloud,
        fanout: Fanout,
        *,
        service: str,
        clock: Clock,
        changed: Callable[[], None],
        poll_s: float = POLL_S,
    ) -> None:
        """`changed` is called after each replica that was added or dropped."""
        self._cloud = cloud
        self._fanout = fanout
        self._service = service
        self._clock = clock
        self._changed = changed
        self._poll_s = poll_s
        self._known: dict[str, Machine] = {}
        self._heard: set[str] = set()

    @property
    def probing(self) -> tuple[Machine, ...]:
        """Machines that run and whose leaf has not answered yet."""
        members = set(self._fanout.machines())
        return tuple(machine for machine in self._known.values() if machine not in members)

    async def run(self) -> None:
        """Follows the cloud until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(tasks))
            tasks.create_task(self._poll(tasks))

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            try:
                async for event in self._cloud.events(stats=False):
                    if isinstance(event, Snapshot):
                        self._see_all(event.instances, tasks)
                    elif isinstance(event, InstanceView):
                        self._heard.add(event.id)
                        self._see(event, tasks)
            except CloudError as error:
                _log.warning("events_refused", error=error.message)
            await self._clock.sleep(self._poll_s)

    async def _poll(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._heard.clear()
            try:
                async with asyncio.timeout(_CALL_TIMEOUT_S):
                    views = await self._cloud.describe_instances({f"tag:{SERVICE_TAG}": [self._service]})
                    impaired = await self._cloud.impaired_instances()
            except (CloudError, TimeoutError) as error:
                # What answers goes on answering: without the platform nobody can be told from the dead.
                _log.warning("cloud_does_not_answer", error=str(error))
            else:
                seen = (replace(view, impaired="impaired") if view.id in impaired else view for view in views)
                self._see_all(seen, tasks, but=frozenset(self._heard))
            await self._clock.sleep(self._poll_s)

    def _see_all(
        self, views: Iterable[InstanceView], tasks: asyncio.TaskGroup, *, but: frozenset[str] = frozenset()
    ) -> None:
        """Takes a whole picture; `but` names those of whom something newer is known."""
        seen = {view.id: view for view in views}
        for instance_id in [each for each in self._known if each not in seen and each not in but]:
            self._drop(instance_id, "gone")
        for instance_id, view in seen.items():
            if instance_id not in but:
                self._see(view, tasks)

    def _see(self, view: InstanceView, tasks: asyncio.TaskGroup) -> None:
        machine = machine_of(view, service=self._service, shards=len(self._fanout.shards))
        if machine == self._known.get(view.id):
            return
        self._drop(view.id, view.impaired or view.state)
        if machine is not None:
            self._known[view.id] = machine
            tasks.create_task(self._admit(machine))

    def _drop(self, instance_id: str, why: str) -> None:
        self._known.pop(instance_id, None)
        if self._fanout.remove(instance_id):
            _log.info("replica_dropped", instance=instance_id, why=why)
            self._changed()

    async def _admit(self, machine: Machine) -> None:
        """Asks the machine's leaf until it answers well, then lets it take requests."""
        pause_s = _PROBE_PAUSE_FIRST_S
        while self._known.get(machine.instance_id) is machine:
            if await healthy(machine):
                if self._known.get(machine.instance_id) is machine:
                    self._fanout.add(machine)
                    _log.info("replica_added", instance=machine.instance_id, shard=machine.shard)
                    self._changed()
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _PROBE_PAUSE_MAX_S)


async def healthy(machine: Machine) -> bool:
    """Whether the leaf at that address answers /healthz with 200 for the machine's shard."""
    pool = Pool(machine.address, machine.port, limit=1)
    try:
        response = await pool.request(
            build_request("GET", "/healthz", [("Host", "leaf"), ("Connection", "close")]), timeout_s=_PROBE_TIMEOUT_S
        )
        body = json.loads(response.body)
    except (HttpFailure, ValueError):
        return False
    finally:
        pool.close()
    return response.status == 200 and isinstance(body, dict) and body.get("shard") == machine.shard
