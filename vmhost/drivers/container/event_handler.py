"""Reacts to the engine's events: publishes guests' starts and deaths, finishes boots, connects labelled containers."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container import labels
from vmhost.drivers.container.engine_events import GAP, EngineEvent
from vmhost.drivers.container.runtime import ContainerRuntime
from vmhost.model.guest import Death, GuestEvent, GuestPhase

_EVENTS_MAX = 1024
_log = get_logger("driver")


class EventHandler:
    """Handles events one after the other. A full queue is replaced by a gap."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self._queue: asyncio.Queue[EngineEvent] = asyncio.Queue(_EVENTS_MAX)

    def put(self, event: EngineEvent) -> None:
        """Queue an event."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            event = GAP
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Handle events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._handle(event)
            except Exception as error:
                # A failure with one event must not keep the next one, perhaps a death, from being published.
                _log.warning("engine_event_failed", action=event.action, error=str(error) or repr(error))

    async def _handle(self, event: EngineEvent) -> None:
        session = self._runtime.session
        if event.action == "gap":
            await self._catch_up()
        elif event.network_id:
            if event.network_id == session.network.id:
                self._runtime.health.publish_change(event.container_id)
        elif event.labels.get(labels.JOIN) == session.cloud:
            if event.action == "start":
                await session.network.join(await session.engine.inspect(event.container_id))
        elif event.labels.get(labels.CLOUD) == session.cloud and labels.INSTANCE in event.labels:
            await self._handle_guest(event)

    async def _catch_up(self) -> None:
        session = self._runtime.session
        for container in await session.engine.find(f"{labels.JOIN}={session.cloud}"):
            await session.network.join(container)
        self._runtime.feed.publish(GuestEvent(instance_id="", phase=GuestPhase.STOPPED))

    async def _handle_guest(self, event: EngineEvent) -> None:
        instance_id = event.labels[labels.INSTANCE]
        if event.action == "die":
            await self._died(instance_id, event)
        elif event.action == "start":
            self._runtime.tasks.spawn(partial(self._started, instance_id), f"started {instance_id}")
        elif event.action in ("pause", "unpause"):
            self._runtime.publish_running(instance_id)

    async def _died(self, instance_id: str, event: EngineEvent) -> None:
        container = await self._runtime.session.guest(instance_id)
        death = Death(exit_code=event.exit_code)
        if container is not None and not container.running:
            death = Death(exit_code=container.exit_code, oom=container.oom, detail=container.error)
        self._runtime.feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=death))
        self._runtime.tasks.spawn(partial(self._after_death, instance_id), f"after death {instance_id}")

    async def _after_death(self, instance_id: str) -> None:
        """Close a dead guest's metadata service and disconnect it, so that its next boot starts without a network."""
        runtime = self._runtime
        with contextlib.suppress(CloudError):
            async with runtime.lock(instance_id):
                container = await runtime.session.guest(instance_id)
                if container is None or not container.running:
                    await runtime.boot.forget(instance_id, removed=container is None)
                if container is not None and not container.running:
                    await runtime.boot.disconnect(container)

    async def _started(self, instance_id: str) -> None:
        """Finish the boot of a guest, also of one that someone else started, before the event is published."""
        with contextlib.suppress(CloudError):
            async with self._runtime.lock(instance_id):
                container = await self._runtime.session.guest(instance_id)
                if container is not None and container.running:
                    await self._runtime.boot.finish(container)
        self._runtime.publish_running(instance_id)
