"""The driver whose guests are plain processes side by side on one OS."""

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

from vmhost.api.metadata import ENDPOINT_VARIABLE
from vmhost.base.cpus import physical_cores
from vmhost.base.errors import CloudError, Conflict, DeadlineExceeded, Internal, InvalidInput, NotFound
from vmhost.base.logs import get_logger
from vmhost.base.units import short_release
from vmhost.base.web import listen, url_of
from vmhost.drivers.base import Capacity, DriverContext
from vmhost.drivers.feed import Feed
from vmhost.drivers.process import ending, machine, orphans, places, table
from vmhost.drivers.process.choice import choose_wall
from vmhost.drivers.process.guests import Guest, find_guests
from vmhost.drivers.process.programs import Order, clean_environment, exit_code, start_program
from vmhost.drivers.process.walls import Wall
from vmhost.drivers.process.warden import Warden
from vmhost.drivers.scheduler import core_seconds, wait_seconds
from vmhost.drivers.tasks import Tasks
from vmhost.model.guest import (
    Booted,
    Capabilities,
    Capability,
    GuestCpu,
    GuestEvent,
    GuestPhase,
    GuestSpec,
    GuestStats,
    GuestStatus,
)
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_WATCH_EVERY_S = 0.5
_HEALTH_EVERY_S = 2.0
_FAILED_MAX = 128
"""Exit codes above are signals."""
_LAST_WORDS_S = 0.02
_END_DEADLINE_S = 10.0
_log = get_logger("process")


class ProcessDriver:
    """Guests as processes. Open it on the main thread, which its guests die with.

    `wall` replaces the choice of what holds the guests in; `own_addresses` that of where they listen."""

    name = "process"

    def __init__(self, context: DriverContext, *, wall: Wall | None = None, own_addresses: bool | None = None) -> None:
        self._cloud = context.cloud
        self._key = f"{context.cloud} {context.state_dir.resolve()}"
        self._metadata = context.metadata
        self._folder = context.state_dir.resolve() / "process"
        self._records = self._folder / "alive"
        self._own_addresses = places.own_addresses_exist() if own_addresses is None else own_addresses
        self._wanted_wall = wall
        self._wall_built: Wall | None = None
        self._guests: dict[str, Guest] = {}
        self._cores = machine.pinned(())
        self._feed = Feed()
        self._tasks = Tasks()
        self._warden = Warden(self._records)

    @property
    def _wall(self) -> Wall:
        if self._wall_built is None:
            raise Internal("the process driver is not open; open comes first")
        return self._wall_built

    async def open(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise Internal("the process driver is opened on another thread; its guests die with it, so on the main one")
        (self._folder / "guests").mkdir(parents=True, exist_ok=True)
        self._records.mkdir(exist_ok=True)
        if ended := orphans.end_all(self._records):
            _log.warning("orphans_ended", count=ended)
        self._wall_built = self._wanted_wall or await choose_wall(self._cloud, self._key)
        await self._wall.open()
        self._guests = {guest.spec.instance_id: guest for guest in find_guests(self._folder / "guests")}
        await self._tasks.open()
        await self._warden.open()
        self._tasks.spawn(self._watch_health(), name="watch health")
        if self._wall.watched:
            self._tasks.spawn(self._watch(), name="watch memory")

    async def close(self, *, remove: bool) -> None:
        """Ends every guest, for a process does not outlive its platform; with `remove`, erases them too."""
        if self._wall_built is None:
            return
        async with asyncio.TaskGroup() as group:
            for instance_id in tuple(self._guests):
                group.create_task(self._let_go(instance_id, remove=remove))
        self._feed.close()
        await self._tasks.close()
        await self._wall.close(remove=remove)
        await self._warden.close()
        if remove:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _let_go(self, instance_id: str, *, remove: bool) -> None:
        """One that does not go must not keep the others."""
        try:
            await (self.remove(instance_id) if remove else self.kill(instance_id))
        except CloudError as error:
            _log.warning("guest_left", id=instance_id, error=error.message)

    def capabilities(self) -> Capabilities:
        apart = "a loopback address of its own" if self._own_addresses else "a port of its own on 127.0.0.1"
        items = (
            Capability(name="crash", enforced=True, why="one that dies takes no other along"),
            *self._wall.capabilities(),
            self._cores,
            Capability(name="user", enforced=False, why="shares kernel user limits: all run as this user"),
            Capability(name="disk", enforced=False, why="guests share the disk; each works in a folder of its own"),
            Capability(name="network", enforced=False, why=f"guests share the loopback network; each has {apart}"),
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
            cpu_cores=float(machine.cores()),
            cores=physical_cores(machine.cpus()),
            secures_guests=self._wall.secures_guests,
            memory_mib=machine.memory_mib(),
            pids=machine.pids(),
            architecture=machine.architecture(platform.machine()),
        )

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        self._cores = machine.pinned(hosts)
        await self._wall.prepare(hosts)

    async def create(self, spec: GuestSpec) -> None:
        if spec.instance_id in self._guests:
            return
        _check(spec)
        guest = Guest(spec=spec, folder=self._folder / "guests" / spec.instance_id, place=self._choose(spec))
        guest.save()
        self._guests[spec.instance_id] = guest

    def _choose(self, spec: GuestSpec) -> Booted:
        taken = [guest.place for guest in self._guests.values() if guest.spec.instance_id != spec.instance_id]
        return places.choose(self._key, spec.boot.port, taken, own_addresses=self._own_addresses)

    async def start(self, instance_id: str) -> Booted:
        guest = self._guest(instance_id)
        return await self._tasks.finish(self._start(guest), name=f"start {instance_id}")

    async def _start(self, guest: Guest) -> Booted:
        async with guest.lock:
            if guest.process is not None:
                return guest.place
            self._guest(guest.spec.instance_id)
            if not places.bindable(guest.place.address, guest.place.port or guest.spec.boot.port):
                guest.place = self._choose(guest.spec)
                guest.save()
            await self._wall.build(guest.spec)
            used = await self._wall.usage(guest.spec, ())
            guest.oom_kills_before = (used.oom_kills or 0) if used else 0
            guest.ended = asyncio.Event()
            guest.process = process = await self._run(guest)
            guest.death, guest.verdict, guest.frozen = None, "", False
            self._tasks.spawn(self._follow(guest, process), name=f"follow {guest.spec.instance_id}")
        self._feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))
        return guest.place

    async def _run(self, guest: Guest) -> Process:
        """Starts the guest's program; its metadata stands before."""
        sock = listen(places.SHARED, 0)
        guest.endpoint = url_of(sock)
        await self._metadata.attach(guest.spec.instance_id, sock)
        try:
            return await self._launch(guest, guest.spec.boot.command)
        except BaseException:
            await self._metadata.detach(guest.spec.instance_id)
            raise

    async def _launch(self, guest: Guest, command: Sequence[str]) -> Process:
        spec = guest.spec
        port = guest.place.port or spec.boot.port
        own = {"HOST": guest.place.address, "PORT": str(port), ENDPOINT_VARIABLE: guest.endpoint}
        order = Order(
            subject=spec.instance_id,
            command=tuple(command),
            environment=clean_environment(os.environ, guest.home) | dict(spec.boot.environment)
            | dict(spec.environment) | own,
            folder=guest.home,
            records=self._records,
            entry=self._wall.entry(spec),
            cpus=spec.limits.cpus,
        )  # fmt: skip
        guest.home.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        self._tasks.spawn(guest.console.pump(reading), name=f"console {spec.instance_id}")
        try:
            return await start_program(order, output=writing)
        finally:
            os.close(writing)

    async def _follow(self, guest: Guest, process: Process) -> None:
        """Waits for the end of the guest's program and settles it."""
        code = exit_code(await process.wait())
        instance_id, used = guest.spec.instance_id, None
        try:
            await ending.end_rest(guest, process.pid, self._wall)
            used = await self._wall.usage(guest.spec, ())
            await self._metadata.detach(instance_id)
        except CloudError as error:
            _log.warning("guest_not_cleared", id=instance_id, error=error.message)
        orphans.forget(self._records, instance_id, process.pid)
        if 0 < code <= _FAILED_MAX:
            # The last words of a program that failed may still be on their way; those of a killed one matter less.
            await asyncio.sleep(_LAST_WORDS_S)
        guest.death, guest.process = ending.death(guest, code, used), None
        guest.ended.set()
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=guest.death))

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        guest = self._guests.get(instance_id)
        if guest is None:
            return
        async with guest.lock:
            ending.ask_to_end(guest)
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
        await ending.end_now(guest, self._wall)
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await _until_ended(guest)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"instance {guest.spec.instance_id} was killed and is still there after {_END_DEADLINE_S:.0f} s; "
                "expected the OS to end it"
            ) from error

    async def remove(self, instance_id: str) -> None:
        guest = self._guests.get(instance_id)
        if guest is None:
            return
        await self._end(guest)
        async with guest.lock:
            await self._end(guest)
            await self._wall.remove(guest.spec)
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
            await self._wall.resize(guest.spec, limits)
            guest.spec = replace(guest.spec, limits=limits)
            guest.save()

    async def stats(self, instance_id: str) -> GuestStats | None:
        guest = self._guests.get(instance_id)
        if guest is None or guest.process is None:
            return None
        used = await self._wall.usage(guest.spec, guest.leaders())
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
        pids = self._wall.pids(guest.spec) or [row.pid for row in table.family(guest.leaders())]
        return GuestCpu(used=stats.cpu_seconds, throttled=stats.throttled_seconds, waited=wait_seconds(pids))

    async def core_seconds(self) -> Mapping[int, float]:
        return core_seconds()

    async def console(self, instance_id: str) -> str:
        return self._guest(instance_id).console.tail()

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._guest(instance_id)
        if guest.process is None:
            raise Conflict(f"instance {instance_id} does not run; a command in it needs it running")
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
            await ending.end_programs([process.pid])
        code = await process.wait()
        await ending.end_leftovers(process.pid)
        guest.commands.discard(process.pid)
        orphans.forget(self._records, guest.spec.instance_id, process.pid)
        return exit_code(code)

    async def _watch_health(self) -> None:
        """Tells of programs that a signal has stopped or let go on."""
        while True:
            await asyncio.sleep(_HEALTH_EVERY_S)
            for guest in tuple(self._guests.values()):
                row = table.read_row(guest.process.pid) if guest.process is not None else None
                frozen = row is not None and row.state == table.STOPPED
                if frozen is not guest.frozen:
                    guest.frozen = frozen
                    self._feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))

    async def _watch(self) -> None:
        """Ends guests above their memory, where no wall of the OS does."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            for guest in [guest for guest in self._guests.values() if guest.process is not None]:
                try:
                    await self._look(guest)
                except (CloudError, OSError, subprocess.SubprocessError) as error:
                    # Such as a `ps` that took too long on a busy machine: the next look may do better.
                    _log.warning("watch_missed", id=guest.spec.instance_id, error=str(error))

    async def _look(self, guest: Guest) -> None:
        used = await self._wall.usage(guest.spec, guest.leaders())
        if used is not None and used.memory_mib > guest.spec.limits.memory_mib:
            guest.verdict = f"above its memory limit of {guest.spec.limits.memory_mib} MiB (watched)"
            await ending.end_now(guest, self._wall)

    def _guest(self, instance_id: str) -> Guest:
        guest = self._guests.get(instance_id)
        if guest is None:
            raise NotFound(f"instance {instance_id} was never made here; create comes first")
        return guest


async def _until_ended(guest: Guest) -> None:
    if guest.process is not None:
        await guest.ended.wait()


def _check(spec: GuestSpec) -> None:
    boot = spec.boot
    if not boot.command:
        raise InvalidInput(f"{spec.instance_id}'s image names no command; a process guest needs one")
    if boot.user is not None:
        raise InvalidInput(f"{spec.instance_id}'s image asks for user {boot.user}; a process guest runs as ours")
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    if shutil.which(boot.command[0], path=search) is None:
        raise InvalidInput(f"{boot.command[0]} is no program of this machine; a process guest runs one")
