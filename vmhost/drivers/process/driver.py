"""The driver whose guests are ordinary processes on this computer."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vmhost.api.guest_metadata import ENDPOINT_VARIABLE
from vmhost.base.cpus import physical_cores
from vmhost.base.errors import CloudError, Conflict, DeadlineExceeded, Internal, InvalidInput, NotFound
from vmhost.base.logs import get_logger
from vmhost.base.units import short_release
from vmhost.base.web import listen, url_of
from vmhost.drivers.background_tasks import BackgroundTasks
from vmhost.drivers.base import Capacity, DriverContext
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.process import loopback_addresses, machine_capacity, orphans, process_table, termination
from vmhost.drivers.process.detect_isolation import detect_isolation
from vmhost.drivers.process.guests import Guest, find_guests
from vmhost.drivers.process.isolation import Isolation
from vmhost.drivers.process.programs import ProgramSpec, clean_environment, exit_code, start_program
from vmhost.drivers.process.reaper import Reaper
from vmhost.drivers.scheduler_stats import core_seconds, wait_seconds
from vmhost.model.guest import (
    Capabilities,
    Capability,
    Endpoint,
    GuestCpu,
    GuestEvent,
    GuestPhase,
    GuestSpec,
    GuestStats,
    GuestStatus,
)
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_MEMORY_EVERY_S = 0.5
_HEALTH_EVERY_S = 2.0
_FAILED_MAX = 128
"""Exit codes above are signals."""
_LAST_OUTPUT_S = 0.02
_END_DEADLINE_S = 10.0
_log = get_logger("process")


class ProcessDriver:
    """Runs guests as processes. Open it on the main thread: its guests die with the thread that starts them.

    `isolation` and `own_addresses` replace what is otherwise detected."""

    name = "process"

    def __init__(
        self, context: DriverContext, *, isolation: Isolation | None = None, own_addresses: bool | None = None
    ) -> None:
        self._cloud = context.cloud
        self._key = f"{context.cloud} {context.state_dir.resolve()}"
        self._metadata = context.metadata
        self._folder = context.state_dir.resolve() / "process"
        self._records = self._folder / "alive"
        self._own_addresses = loopback_addresses.has_own_addresses() if own_addresses is None else own_addresses
        self._wanted_isolation = isolation
        self._opened_isolation: Isolation | None = None
        self._guests: dict[str, Guest] = {}
        self._cores = machine_capacity.pinned(())
        self._feed = EventFeed()
        self._tasks = BackgroundTasks()
        self._reaper = Reaper(self._records)

    @property
    def _isolation(self) -> Isolation:
        if self._opened_isolation is None:
            raise Internal("the process driver is not open")
        return self._opened_isolation

    async def open(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise Internal("the process driver must be opened on the main thread, because guests die with its thread")
        (self._folder / "guests").mkdir(parents=True, exist_ok=True)
        self._records.mkdir(exist_ok=True)
        if ended := orphans.kill_recorded(self._records):
            _log.warning("orphans_killed", count=ended)
        self._opened_isolation = self._wanted_isolation or await detect_isolation(self._cloud, self._key)
        await self._isolation.open()
        self._guests = {guest.spec.instance_id: guest for guest in find_guests(self._folder / "guests")}
        await self._tasks.open()
        await self._reaper.open()
        self._tasks.spawn(self._watch_health(), name="watch health")
        if self._isolation.polled:
            self._tasks.spawn(self._enforce_memory(), name="enforce memory limits")

    async def close(self, *, remove: bool) -> None:
        """End every guest, because processes do not outlive their platform; with `remove`, remove them too."""
        if self._opened_isolation is None:
            return
        async with asyncio.TaskGroup() as group:
            for instance_id in tuple(self._guests):
                group.create_task(self._end_or_warn(instance_id, remove=remove))
        self._feed.close()
        await self._tasks.close()
        await self._isolation.close(remove=remove)
        await self._reaper.close()
        if remove:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _end_or_warn(self, instance_id: str, *, remove: bool) -> None:
        """End a guest. One that cannot be ended does not keep the others from ending."""
        try:
            await (self.remove(instance_id) if remove else self.kill(instance_id))
        except CloudError as error:
            _log.warning("guest_not_ended", id=instance_id, error=error.message)

    def capabilities(self) -> Capabilities:
        own = "a loopback address of its own" if self._own_addresses else "a port of its own on 127.0.0.1"
        items = (
            Capability(name="crash", enforced=True, why="a crash ends only its own instance"),
            *self._isolation.capabilities(),
            self._cores,
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

    async def capacity(self) -> Capacity:
        return Capacity(
            cpu_cores=float(machine_capacity.cores()),
            cores=physical_cores(machine_capacity.cpus()),
            weights_guests=self._isolation.weights_guests,
            memory_mib=machine_capacity.memory_mib(),
            pids=machine_capacity.pids(),
            architecture=machine_capacity.architecture(platform.machine()),
        )

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        self._cores = machine_capacity.pinned(hosts)
        await self._isolation.prepare(hosts)

    async def create(self, spec: GuestSpec) -> None:
        if spec.instance_id in self._guests:
            return
        _check(spec)
        guest = Guest(
            spec=spec, folder=self._folder / "guests" / spec.instance_id, endpoint=self._choose_endpoint(spec)
        )
        guest.save()
        self._guests[spec.instance_id] = guest

    def _choose_endpoint(self, spec: GuestSpec) -> Endpoint:
        taken = [guest.endpoint for guest in self._guests.values() if guest.spec.instance_id != spec.instance_id]
        return loopback_addresses.choose_endpoint(self._key, spec.boot.port, taken, own_addresses=self._own_addresses)

    async def start(self, instance_id: str) -> Endpoint:
        guest = self._guest(instance_id)
        return await self._tasks.finish(self._start(guest), name=f"start {instance_id}")

    async def _start(self, guest: Guest) -> Endpoint:
        async with guest.lock:
            if guest.process is not None:
                return guest.endpoint
            self._guest(guest.spec.instance_id)
            if not loopback_addresses.bindable(guest.endpoint.address, guest.endpoint.port or guest.spec.boot.port):
                guest.endpoint = self._choose_endpoint(guest.spec)
                guest.save()
            await self._isolation.build(guest.spec)
            used = await self._isolation.usage(guest.spec, ())
            guest.oom_kills_before = (used.oom_kills or 0) if used else 0
            guest.ended = asyncio.Event()
            guest.process = process = await self._run(guest)
            guest.death, guest.kill_reason, guest.frozen = None, "", False
            self._tasks.spawn(self._follow(guest, process), name=f"follow {guest.spec.instance_id}")
        self._feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))
        return guest.endpoint

    async def _run(self, guest: Guest) -> Process:
        """Start the guest's metadata service, then its program."""
        sock = listen(loopback_addresses.SHARED, 0)
        guest.metadata_url = url_of(sock)
        await self._metadata.attach(guest.spec.instance_id, sock)
        try:
            return await self._launch(guest, guest.spec.boot.command)
        except BaseException:
            await self._metadata.detach(guest.spec.instance_id)
            raise

    async def _launch(self, guest: Guest, command: Sequence[str]) -> Process:
        spec = guest.spec
        port = guest.endpoint.port or spec.boot.port
        own = {"HOST": guest.endpoint.address, "PORT": str(port), ENDPOINT_VARIABLE: guest.metadata_url}
        program = ProgramSpec(
            subject=spec.instance_id,
            command=tuple(command),
            environment=clean_environment(os.environ, guest.home) | dict(spec.boot.environment)
            | dict(spec.environment) | own,
            folder=guest.home,
            records=self._records,
            entry=self._isolation.entry(spec),
            cpus=spec.limits.cpus,
        )  # fmt: skip
        guest.home.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        self._tasks.spawn(guest.console.pump(reading), name=f"console {spec.instance_id}")
        try:
            return await start_program(program, output=writing)
        finally:
            os.close(writing)

    async def _follow(self, guest: Guest, process: Process) -> None:
        """Wait for the end of the guest's program, clean up after it and publish its death."""
        code = exit_code(await process.wait())
        instance_id, used = guest.spec.instance_id, None
        try:
            await termination.kill_remaining(guest, process.pid, self._isolation)
            used = await self._isolation.usage(guest.spec, ())
            await self._metadata.detach(instance_id)
        except CloudError as error:
            _log.warning("guest_cleanup_failed", id=instance_id, error=error.message)
        orphans.forget(self._records, instance_id, process.pid)
        if 0 < code <= _FAILED_MAX:
            # The last output of a program that failed may not have arrived yet; that of a killed one matters less.
            await asyncio.sleep(_LAST_OUTPUT_S)
        guest.death, guest.process = termination.death(guest, code, used), None
        guest.ended.set()
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=guest.death))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        guest = self._guests.get(instance_id)
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
        if (guest := self._guests.get(instance_id)) is not None:
            await self._end(guest)

    async def _end(self, guest: Guest) -> None:
        if guest.process is None:
            return
        await termination.kill_all(guest, self._isolation)
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await _until_ended(guest)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"instance {guest.spec.instance_id} still runs {_END_DEADLINE_S:.0f} s after it was killed"
            ) from error

    async def remove(self, instance_id: str) -> None:
        guest = self._guests.get(instance_id)
        if guest is None:
            return
        await self._end(guest)
        async with guest.lock:
            await self._end(guest)
            await self._isolation.remove(guest.spec)
            guest.erase()
            self._guests.pop(instance_id, None)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        guest = self._guests.get(instance_id)
        return None if guest is None else guest.status()

    async def list_guests(self) -> tuple[GuestStatus, ...]:
        return tuple(guest.status() for guest in self._guests.values())

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        guest = self._guest(instance_id)
        async with guest.lock:
            await self._isolation.resize(guest.spec, limits)
            guest.spec = replace(guest.spec, limits=limits)
            guest.save()

    async def stats(self, instance_id: str) -> GuestStats | None:
        guest = self._guests.get(instance_id)
        if guest is None or guest.process is None:
            return None
        used = await self._isolation.usage(guest.spec, guest.leaders())
        if used is None:
            return None
        return GuestStats(
            instance_id=instance_id,
            cpu_seconds=used.cpu_seconds or 0.0,
            memory_mib=used.memory_mib,
            pids=used.pids,
            throttled_seconds=used.throttled_seconds,
            oom_kills=used.oom_kills,
        )

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        guest, stats = self._guests.get(instance_id), await self.stats(instance_id)
        if guest is None or stats is None:
            return None
        pids = self._isolation.pids(guest.spec) or [row.pid for row in process_table.family(guest.leaders())]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    async def console(self, instance_id: str) -> str:
        return self._guest(instance_id).console.tail()

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._guest(instance_id)
        if guest.process is None:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        process = await self._launch(guest, command)
        guest.commands.add(process.pid)
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            code = await self._tasks.finish(self._end_command(guest, process), name=f"end command in {instance_id}")
        return code

    async def _end_command(self, guest: Guest, process: Process) -> int:
        if process.returncode is None:
            await termination.kill_programs([process.pid])
        code = await process.wait()
        await termination.kill_leftovers(process.pid)
        guest.commands.discard(process.pid)
        orphans.forget(self._records, guest.spec.instance_id, process.pid)
        return exit_code(code)

    async def _watch_health(self) -> None:
        """Publish an event when a guest's program is stopped or continued by a signal."""
        while True:
            await asyncio.sleep(_HEALTH_EVERY_S)
            for guest in tuple(self._guests.values()):
                row = process_table.read_row(guest.process.pid) if guest.process is not None else None
                frozen = row is not None and row.state == process_table.STOPPED
                if frozen is not guest.frozen:
                    guest.frozen = frozen
                    self._feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))

    async def _enforce_memory(self) -> None:
        """Kill guests above their memory limit, where the OS does not."""
        while True:
            await asyncio.sleep(_MEMORY_EVERY_S)
            for guest in [guest for guest in self._guests.values() if guest.process is not None]:
                try:
                    await self._check_memory(guest)
                except (CloudError, OSError, subprocess.SubprocessError) as error:
                    # For example, `ps` timed out on a busy computer; the next check may succeed.
                    _log.warning("memory_check_failed", id=guest.spec.instance_id, error=str(error))

    async def _check_memory(self, guest: Guest) -> None:
        used = await self._isolation.usage(guest.spec, guest.leaders())
        if used is not None and used.memory_mib > guest.spec.limits.memory_mib:
            guest.kill_reason = f"above its memory limit of {guest.spec.limits.memory_mib} MiB (polled)"
            await termination.kill_all(guest, self._isolation)

    def _guest(self, instance_id: str) -> Guest:
        guest = self._guests.get(instance_id)
        if guest is None:
            raise NotFound(f"instance {instance_id} does not exist on this driver")
        return guest


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
