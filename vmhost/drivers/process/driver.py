"""The driver whose guests are ordinary processes on this computer."""

from __future__ import annotations

import asyncio
import platform
import shutil
import threading
from functools import partial

from vmhost.base.errors import CloudError, Internal
from vmhost.base.logs import get_logger
from vmhost.base.units import short_release
from vmhost.drivers.context import DriverContext
from vmhost.drivers.guest_networks import GuestNetworks
from vmhost.drivers.process import monitors, orphans
from vmhost.drivers.process.detect_isolation import detect_isolation
from vmhost.drivers.process.guests import find_guests
from vmhost.drivers.process.hosts import ProcessHosts
from vmhost.drivers.process.instances import ProcessInstances
from vmhost.drivers.process.isolation import Isolation
from vmhost.drivers.process.reaper import Reaper
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.drivers.process.shell import ProcessShell
from vmhost.model.guest import Capabilities, Capability

_log = get_logger("process")


class ProcessDriver:
    """Runs guests as processes. Open it on the main thread: its guests die with the thread that starts them.

    `isolation` and `own_addresses` replace what is otherwise detected."""

    name = "process"

    def __init__(
        self, context: DriverContext, *, isolation: Isolation | None = None, own_addresses: bool | None = None
    ) -> None:
        self._cloud = context.cloud
        self._wanted_isolation = isolation
        self.runtime = ProcessRuntime(context, own_addresses=own_addresses)
        self._reaper = Reaper(self.runtime.records)
        self.hosts = ProcessHosts(self.runtime, context.hosts)
        self.networks = GuestNetworks()
        self.instances = ProcessInstances(self.runtime, self.networks.server)
        self.shell = ProcessShell(self.runtime)

    async def open(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise Internal("the process driver must be opened on the main thread, because guests die with its thread")
        runtime = self.runtime
        runtime.guests_folder.mkdir(parents=True, exist_ok=True)
        runtime.records.mkdir(exist_ok=True)
        if killed := orphans.kill_recorded(runtime.records):
            _log.warning("orphans_killed", count=killed)
        runtime.opened_isolation = self._wanted_isolation or await detect_isolation(self._cloud, runtime.key)
        await runtime.isolation.open()
        runtime.guests = {guest.spec.instance_id: guest for guest in find_guests(runtime.guests_folder)}
        await runtime.tasks.open()
        await self._reaper.open()
        runtime.tasks.spawn(partial(monitors.watch_health, runtime), "watch health")
        if runtime.isolation.polled:
            runtime.tasks.spawn(partial(monitors.enforce_memory_limits, runtime), "enforce memory limits")

    async def close(self, *, remove: bool) -> None:
        """End every guest, because processes do not outlive their platform; with `remove`, remove them too."""
        runtime = self.runtime
        if runtime.opened_isolation is None:
            return
        async with asyncio.TaskGroup() as group:
            for instance_id in tuple(runtime.guests):
                group.create_task(self._end_or_warn(instance_id, remove=remove))
        runtime.feed.close()
        await runtime.tasks.close()
        await self.networks.server.close()
        await runtime.isolation.close(remove=remove)
        await self._reaper.close()
        if remove:
            shutil.rmtree(runtime.folder, ignore_errors=True)

    async def _end_or_warn(self, instance_id: str, *, remove: bool) -> None:
        """End a guest. One that cannot be ended does not keep the others from ending."""
        try:
            await (self.instances.remove(instance_id) if remove else self.instances.kill(instance_id))
        except CloudError as error:
            _log.warning("guest_not_ended", id=instance_id, error=error.message)

    def capabilities(self) -> Capabilities:
        own = "a loopback address of its own" if self.runtime.own_addresses else "a port of its own on 127.0.0.1"
        items = (
            Capability(name="crash", enforced=True, why="a crash ends only its own instance"),
            *self.runtime.isolation.capabilities(),
            self.hosts.capability(),
            Capability(name="user", enforced=False, why="all instances run as this user and share its kernel limits"),
            Capability(name="disk", enforced=False, why="instances share the disk; each works in a folder of its own"),
            Capability(name="network", enforced=False, why=f"instances share the loopback network; each has {own}"),
        )
        one = f"process, shared kernel {short_release(platform.release())}".strip()
        return Capabilities(
            driver=self.name,
            stands_for="plain processes on one OS",
            one=one,
            items=items,
            not_kept="processes end with the platform",
        )
