"""The driver whose guests are containers of the local Docker engine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import partial

from vmhost.base.errors import Unavailable
from vmhost.drivers.container.engine_events import EngineEventWatcher
from vmhost.drivers.container.engine_session import open_session, sweep
from vmhost.drivers.container.event_handler import EventHandler
from vmhost.drivers.container.hosts import ContainerHosts
from vmhost.drivers.container.instances import ContainerInstances
from vmhost.drivers.container.runtime import ContainerRuntime, OpenParts
from vmhost.drivers.container.shell import ContainerShell
from vmhost.drivers.context import DriverContext
from vmhost.drivers.guest_networks import GuestNetworks
from vmhost.model.guest import Capabilities


class ContainerDriver:
    """Runs guests as containers. `helper` forces or forbids the helper container; None uses it where needed."""

    name = "container"

    def __init__(
        self, context: DriverContext, *, environment: Mapping[str, str] | None = None, helper: bool | None = None
    ) -> None:
        self._context = context
        self._environment = os.environ if environment is None else environment
        self._helper = helper
        self._runtime = ContainerRuntime()
        self._handler = EventHandler(self._runtime)
        self._watcher: EngineEventWatcher | None = None
        self.hosts = ContainerHosts(self._runtime, context.hosts)
        self.instances = ContainerInstances(self._runtime)
        self.networks = GuestNetworks()
        self.shell = ContainerShell(self._runtime)

    async def open(self) -> None:
        runtime = self._runtime
        session = await open_session(self._context, self._environment, helper=self._helper)
        runtime.parts = OpenParts(session, self.networks.server, runtime)
        await runtime.tasks.open()
        self._watcher = EngineEventWatcher(session.engine, self._handler.put)
        await self._watcher.open()
        await self.instances.find_addresses()
        await runtime.boot.adopt()
        runtime.tasks.spawn(self._handler.run, "handle engine events")
        runtime.tasks.spawn(runtime.health.run, "check health")
        runtime.tasks.spawn(partial(runtime.boot.adopt_again, runtime.lock, runtime.publish_running), "adopt guests")

    async def close(self, *, remove: bool) -> None:
        runtime = self._runtime
        if runtime.parts is None:
            if remove:
                # The error of `open` has already said that no engine answers.
                with contextlib.suppress(Unavailable):
                    await sweep(self._context, self._environment)
            return
        if self._watcher is not None:
            await self._watcher.close()
        runtime.feed.close()
        await runtime.tasks.close()
        await self.networks.server.close()
        session, runtime.parts = runtime.session, None
        await session.close(remove=remove)

    def capabilities(self) -> Capabilities:
        return self._runtime.session.capabilities
