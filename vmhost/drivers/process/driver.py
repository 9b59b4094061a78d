"""The driver whose guests are ordinary processes on this computer, with its port for consoles and commands."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import re
import shutil
import subprocess
import threading
from asyncio.subprocess import Process
from collections.abc import Sequence

from vmhost.base.errors import CloudError, Conflict, Internal, Unsupported
from vmhost.base.logs import get_logger
from vmhost.base.units import short_release
from vmhost.drivers.cgroups import GROUP_PREFIX, ControlGroups
from vmhost.drivers.context import DriverContext
from vmhost.drivers.guest_networks import GuestNetworks
from vmhost.drivers.process import orphans, termination
from vmhost.drivers.process.cgroup_isolation import CgroupIsolation
from vmhost.drivers.process.guests import Guest, find_guests
from vmhost.drivers.process.hosts import ProcessHosts
from vmhost.drivers.process.instances import ProcessInstances
from vmhost.drivers.process.isolation import CPU_LIMITS_VARIABLES, Isolation, PolledIsolation
from vmhost.drivers.process.programs import exit_code
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.drivers.process.systemd_isolation import ServiceManager, SystemdIsolation
from vmhost.model.guest import Capabilities, Capability

_REAPER_DEADLINE_S = 5.0
_log = get_logger("process")


class ProcessShell:
    """Reads guests' console files and starts commands in their control groups."""

    def __init__(self, runtime: ProcessRuntime) -> None:
        self._runtime = runtime

    async def console(self, instance_id: str) -> str:
        return self._runtime.guest(instance_id).console.tail()

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._runtime.guest(instance_id)
        own = guest.process
        if own is None:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        process = await self._runtime.launch(guest, command)
        guest.commands.add(process.pid)
        try:
            # If the guest's own program ended while this one started, nothing else would kill it.
            async with asyncio.timeout(timeout_s if own.returncode is None else 0):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            code = await self._runtime.tasks.finish(self._end(guest, process), name=f"end command in {instance_id}")
        return code

    async def _end(self, guest: Guest, process: Process) -> int:
        if process.returncode is None:
            await termination.kill_programs([process.pid])
        code = await process.wait()
        await termination.kill_leftovers(process.pid)
        guest.commands.discard(process.pid)
        orphans.forget(self._runtime.records, guest.spec.instance_id, process.pid)
        return exit_code(code)


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
        self._reaper: subprocess.Popen[bytes] | None = None
        self.hosts = ProcessHosts(self.runtime, context)
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
        self._reaper = orphans.start_reaper(runtime.records)
        runtime.tasks.spawn(self.instances.watch_health, "watch health")
        if runtime.isolation.polled:
            runtime.tasks.spawn(self.instances.enforce_memory_limits, "enforce memory limits")

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
        await runtime.isolation.close()
        if self._reaper is not None:
            await asyncio.to_thread(_end, self._reaper)
            self._reaper = None
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
            network="the loopback network of this computer",
            shares_host_network=True,
        )


def _end(reaper: subprocess.Popen[bytes]) -> None:
    """Let the reaper end what is still on record, and wait for it."""
    try:
        reaper.communicate(timeout=_REAPER_DEADLINE_S)
    except subprocess.TimeoutExpired:
        reaper.kill()
        reaper.wait()


async def detect_isolation(cloud: str, key: str) -> Isolation:
    """Return the strictest isolation that this computer and user allow. `key` separates clouds of the same name."""
    cpu_limits = any(os.environ.get(name) == "1" for name in CPU_LIMITS_VARIABLES)
    label = f"{GROUP_PREFIX}{re.sub('[^A-Za-z0-9]', '_', cloud)}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    try:
        return CgroupIsolation(ControlGroups.detect(), cloud_group=label, cpu_limits=cpu_limits)
    except Unsupported as no_groups:
        try:
            return SystemdIsolation(await ServiceManager.detect(), cloud_slice=label, cpu_limits=cpu_limits)
        except Unsupported as no_manager:
            return PolledIsolation(f"{_reason(no_groups)}, {_reason(no_manager)}")


def _reason(error: Unsupported) -> str:
    """Return the message without the advice after the semicolon."""
    return error.message.partition(";")[0]
