"""What the ports of the container driver share while it is open."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.errors import Internal, NotFound
from vmhost.drivers.container.boot import BootSequence
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.engine_session import EngineSession
from vmhost.drivers.container.guest_health import GuestHealth
from vmhost.drivers.event_feed import EventFeed
from vmhost.metadata.metadata_server import InstanceMetadata
from vmhost.model.guest import GuestEvent, GuestPhase

T = TypeVar("T")


class OpenParts:
    """The parts that exist only while the driver is open."""

    def __init__(self, session: EngineSession, metadata: InstanceMetadata, runtime: ContainerRuntime) -> None:
        self.session = session
        self.boot = BootSequence(session, metadata)
        self.health = GuestHealth(self.boot.running, session.namespaces, runtime.publish_running)


class ContainerRuntime:
    """Gives the ports the engine session, and runs their work. Before `open` it raises Internal."""

    def __init__(self) -> None:
        self.parts: OpenParts | None = None
        self.tasks = BackgroundTasks()
        self.feed = EventFeed()
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @property
    def _open(self) -> OpenParts:
        if self.parts is None:
            raise Internal("the container driver is not open")
        return self.parts

    @property
    def session(self) -> EngineSession:
        return self._open.session

    @property
    def boot(self) -> BootSequence:
        return self._open.boot

    @property
    def health(self) -> GuestHealth:
        return self._open.health

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

    def publish_running(self, instance_id: str) -> None:
        """Publish that something about a running guest has changed."""
        self.feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))
