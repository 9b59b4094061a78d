"""What the ports of the container driver share while it is open."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.errors import CloudError, Internal, NotFound
from vmhost.base.logs import get_logger
from vmhost.drivers.container.boot import BootSequence
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.engine_session import EngineSession
from vmhost.drivers.event_feed import EventFeed
from vmhost.metadata.metadata_server import InstanceMetadata
from vmhost.model.guest import GuestEvent, GuestPhase

T = TypeVar("T")
_HEALTH_EVERY_S = 2.0
_ADOPT_FIRST_S, _ADOPT_LAST_S = 0.5, 15.0
_log = get_logger("driver")


class ContainerRuntime:
    """Gives the ports the engine session, and runs their work."""

    boot: BootSequence
    health: GuestHealth
    """They exist from `open` on."""

    def __init__(self) -> None:
        self._session: EngineSession | None = None
        self.tasks = BackgroundTasks()
        self.feed = EventFeed()
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def open(self, session: EngineSession, metadata: InstanceMetadata) -> None:
        self._session = session
        self.boot, self.health = BootSequence(session, metadata), GuestHealth(self)
        await self.tasks.open()

    async def close(self) -> EngineSession:
        """End all work and return the session, which is still open."""
        session = self.session
        self.feed.close()
        await self.tasks.close()
        self._session = None
        return session

    @property
    def is_open(self) -> bool:
        return self._session is not None

    @property
    def session(self) -> EngineSession:
        """The session with the engine. Raises Internal before `open` and after `close`."""
        if self._session is None:
            raise Internal("the container driver is not open")
        return self._session

    async def container(self, instance_id: str) -> Container:
        """Return the guest's container. Raises NotFound."""
        container = await self.session.guest(instance_id)
        if container is None:
            raise NotFound(f"instance {instance_id} has no container")
        return container

    def lock(self, instance_id: str) -> asyncio.Lock:
        """Return the lock that is held while the guest is created, booted, stopped or removed."""
        return self._locks.setdefault(instance_id, asyncio.Lock())

    async def finish(self, work: Coroutine[Any, Any, T], instance_id: str) -> T:
        """Return the work's result. The work goes on if the caller is cancelled, as it does in the engine."""
        return await self.tasks.finish(work, name=instance_id)

    async def adopt_again(self) -> None:
        """Retry guests that could not be adopted, for example because a program in them uses the metadata ports."""
        pause_s = _ADOPT_FIRST_S
        while not_adopted := tuple(self.boot.not_adopted):
            await asyncio.sleep(pause_s)
            pause_s = min(_ADOPT_LAST_S, pause_s * 2)
            for instance_id in not_adopted:
                with contextlib.suppress(CloudError):
                    async with self.lock(instance_id):
                        await self.boot.adopt_if_running(instance_id)
                if instance_id not in self.boot.not_adopted:
                    self.publish_running(instance_id)

    def publish_running(self, instance_id: str) -> None:
        """Publish that something about a running guest has changed."""
        self.feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))


class GuestHealth:
    """Finds running guests whose program was stopped by a signal, which the engine does not report."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self._frozen: frozenset[str] = frozenset()

    def is_frozen(self, container_id: str) -> bool:
        """Return whether the container's program was stopped at the last check."""
        return container_id in self._frozen

    def publish_change(self, container_id: str) -> None:
        """Publish that something about the container has changed, if it is a running guest."""
        for instance_id, process in self._runtime.boot.running.items():
            if process.container_id == container_id:
                self._runtime.publish_running(instance_id)

    async def run(self) -> None:
        """Check all running guests every two seconds, and publish each that was stopped or continued."""
        while True:
            await asyncio.sleep(_HEALTH_EVERY_S)
            try:
                frozen = await self._runtime.session.namespaces.stopped(tuple(self._runtime.boot.running.values()))
            except CloudError as error:
                _log.debug("health_check_failed", error=error.message)
                continue
            changed, self._frozen = frozen ^ self._frozen, frozen
            for container_id in changed:
                self.publish_change(container_id)
