"""The life of guests that are processes, and the checks that run beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, url_of
from vmhost.drivers import processes
from vmhost.drivers.process import loopback_addresses, orphans, termination
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.programs import exit_code
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.drivers.scheduler_stats import wait_seconds
from vmhost.metadata.metadata_server import InstanceMetadata
from vmhost.model.guest import Endpoint, GuestCpu, GuestEvent, GuestPhase, GuestSpec, GuestStats, GuestStatus
from vmhost.model.limits import Limits

_FAILED_MAX = 128
"""Exit codes above are signals."""
_LAST_OUTPUT_S = 0.02
_END_DEADLINE_S = 10.0
_HEALTH_EVERY_S = 2.0
_MEMORY_EVERY_S = 0.5
_log = get_logger("process")


class ProcessInstances:
    """Creates, starts, stops and removes process guests."""

    def __init__(self, runtime: ProcessRuntime, metadata: InstanceMetadata) -> None:
        self._runtime = runtime
        self._metadata = metadata

    async def create(self, spec: GuestSpec) -> None:
        runtime = self._runtime
        if spec.instance_id in runtime.guests:
            return
        _check(spec)
        folder = runtime.guests_folder / spec.instance_id
        guest = Guest(spec=spec, folder=folder, endpoint=runtime.choose_endpoint(spec))
        guest.save()
        runtime.guests[spec.instance_id] = guest

    async def start(self, instance_id: str) -> Endpoint:
        guest = self._runtime.guest(instance_id)
        return await self._runtime.tasks.finish(self._start(guest), name=f"start {instance_id}")

    async def _start(self, guest: Guest) -> Endpoint:
        runtime, instance_id = self._runtime, guest.spec.instance_id
        async with guest.lock:
            if guest.process is not None:
                return guest.endpoint
            # It may have been removed while this waited for the lock.
            runtime.guest(instance_id)
            if not loopback_addresses.bindable(guest.endpoint.address, guest.endpoint.port or guest.spec.boot.port):
                guest.endpoint = runtime.choose_endpoint(guest.spec)
                guest.save()
            await runtime.isolation.build(guest.spec)
            used = await runtime.isolation.usage(guest.spec, ())
            guest.oom_kills_before = (used.oom_kills or 0) if used else 0
            guest.ended = asyncio.Event()
            guest.process = process = await self._run(guest)
            guest.death, guest.kill_reason, guest.frozen = None, "", False
            runtime.tasks.spawn(lambda: self._follow(guest, process), f"follow {instance_id}")
        runtime.feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))
        return guest.endpoint

    async def _run(self, guest: Guest) -> Process:
        """Start the guest's metadata service, then its program."""
        sock = listen(loopback_addresses.SHARED, 0)
        guest.metadata_url = url_of(sock)
        await self._metadata.attach(guest.spec.instance_id, sock)
        try:
            return await self._runtime.launch(guest, guest.spec.boot.command)
        except BaseException:
            await self._metadata.detach(guest.spec.instance_id)
            raise

    async def _follow(self, guest: Guest, process: Process) -> None:
        """Wait for the end of the guest's program, clean up after it and publish its death."""
        code = exit_code(await process.wait())
        runtime, instance_id, used = self._runtime, guest.spec.instance_id, None
        try:
            await termination.kill_remaining(guest, process.pid, runtime.isolation)
            used = await runtime.isolation.usage(guest.spec, ())
            await self._metadata.detach(instance_id)
        except CloudError as error:
            _log.warning("guest_cleanup_failed", id=instance_id, error=error.message)
        orphans.forget(runtime.records, instance_id, process.pid)
        if 0 < code <= _FAILED_MAX:
            # The last output of a program that failed may not have arrived yet; that of a killed one matters less.
            await asyncio.sleep(_LAST_OUTPUT_S)
        guest.death, guest.process = termination.death(guest, code, used), None
        guest.ended.set()
        runtime.feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=guest.death))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        guest = self._runtime.guests.get(instance_id)
        if guest is None:
            return
        async with guest.lock:
            termination.send_sigterm(guest)
            try:
                async with asyncio.timeout(grace_s):
                    await _until_ended(guest)
            except TimeoutError:
                await self._end(guest)

    async def kill(self, instance_id: str) -> None:
        if (guest := self._runtime.guests.get(instance_id)) is not None:
            await self._end(guest)

    async def _end(self, guest: Guest) -> None:
        if guest.process is None:
            return
        await termination.kill_all(guest, self._runtime.isolation)
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await _until_ended(guest)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"instance {guest.spec.instance_id} still runs {_END_DEADLINE_S:.0f} s after it was killed"
            ) from error

    async def remove(self, instance_id: str) -> None:
        guest = self._runtime.guests.get(instance_id)
        if guest is None:
            return
        await self._end(guest)
        async with guest.lock:
            await self._end(guest)
            await self._runtime.isolation.remove(guest.spec)
            guest.erase()
            self._runtime.guests.pop(instance_id, None)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        guest = self._runtime.guests.get(instance_id)
        return None if guest is None else guest.status()

    async def list(self) -> tuple[GuestStatus, ...]:
        return tuple(guest.status() for guest in self._runtime.guests.values())

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._runtime.feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        guest = self._runtime.guest(instance_id)
        async with guest.lock:
            await self._runtime.isolation.resize(guest.spec, limits)
            guest.spec = replace(guest.spec, limits=limits)
            guest.save()

    async def stats(self, instance_id: str) -> GuestStats | None:
        guest = self._runtime.guests.get(instance_id)
        if guest is None or guest.process is None:
            return None
        used = await self._runtime.isolation.usage(guest.spec, guest.leaders())
        if used is None:
            return None
        return GuestStats(instance_id=instance_id, **asdict(used) | {"cpu_seconds": used.cpu_seconds or 0.0})

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        guest, stats = self._runtime.guests.get(instance_id), await self.stats(instance_id)
        if guest is None or stats is None:
            return None
        pids = self._runtime.isolation.pids(guest.spec) or [one.pid for one in processes.descendants(guest.leaders())]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))

    async def watch_health(self) -> None:
        """Publish an event when a guest's program is stopped or continued by a signal."""
        while True:
            await asyncio.sleep(_HEALTH_EVERY_S)
            for guest in self._runtime.guests.values():
                frozen = guest.process is not None and processes.is_stopped(guest.process.pid)
                if frozen is not guest.frozen:
                    guest.frozen = frozen
                    self._runtime.feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))

    async def enforce_memory_limits(self) -> None:
        """Kill guests above their memory limit, where the OS does not."""
        while True:
            await asyncio.sleep(_MEMORY_EVERY_S)
            for guest in [guest for guest in self._runtime.guests.values() if guest.process is not None]:
                try:
                    await self._check_memory(guest)
                except (CloudError, OSError, psutil.Error) as error:
                    # The next check may succeed.
                    _log.warning("memory_check_failed", id=guest.spec.instance_id, error=str(error))

    async def _check_memory(self, guest: Guest) -> None:
        used = await self._runtime.isolation.usage(guest.spec, guest.leaders())
        if used is not None and used.memory_mib > guest.spec.limits.memory_mib:
            guest.kill_reason = f"above its memory limit of {guest.spec.limits.memory_mib} MiB (polled)"
            await termination.kill_all(guest, self._runtime.isolation)


async def _until_ended(guest: Guest) -> None:
    if guest.process is not None:
        await guest.ended.wait()


def _check(spec: GuestSpec) -> None:
    boot = spec.boot
    if not boot.command:
        raise InvalidInput(f"the image of {spec.instance_id} has no command; [image.boot.process] needs one")
    if boot.user is not None:
        raise InvalidInput(
            f"the image of {spec.instance_id} sets user {boot.user}; processes run as the platform's user, so remove it"
        )
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    if shutil.which(boot.command[0], path=search) is None:
        raise InvalidInput(f"{boot.command[0]} is not installed on this computer; install it or change the command")
