"""A driver whose guests are records, with settings for delays and failures: for tests and for large numbers of guests.

A `FakeWorld` outlives the driver, as an engine outlives the platform.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmhost.base.errors import Conflict, NotFound, Unavailable
from vmhost.drivers.base import Capacity, DriverContext
from vmhost.model.guest import (
    Capabilities,
    Capability,
    Death,
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

_EVENTS_MAX = 1024
_KILLED = Death(exit_code=137)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSettings:
    """How the driver behaves; times in seconds."""

    cpu_cores: float = 64.5
    memory_mib: int = 256 * 1024
    create_s: float = 0.0
    boot_s: float = 0.0
    stop_s: float = 0.0
    remove_s: float = 0.0
    execute_s: float = 0.0
    fail_creates: frozenset[int] = frozenset()
    """The numbers of the calls of create that fail with Unavailable, counted from 1."""
    fail_starts: frozenset[int] = frozenset()
    dies_after_s: float | None = None
    """Every guest ends by itself this long after its boot, with `death`."""
    death: Death = field(default=Death(exit_code=1))


@dataclass(slots=True)
class FakeGuest:
    """A fake guest."""

    spec: GuestSpec
    number: int
    running: bool = False
    death: Death | None = None
    impaired: str = ""
    attached: bool = True
    boots: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    commands: list[tuple[str, ...]] = field(default_factory=list)
    inside: int = 0
    """The number of commands that still run."""
    cpu: GuestCpu = field(default_factory=lambda: GuestCpu(used=0.0, throttled=0.0))
    """Its CPU figures, set by a test."""

    @property
    def address(self) -> str:
        """Its address, in a network reserved for tests (RFC 2544)."""
        return f"198.18.{self.number // 254}.{self.number % 254 + 1}"


@dataclass(slots=True)
class FakeWorld:
    """What exists outside the platform."""

    guests: dict[str, FakeGuest] = field(default_factory=dict)
    creates: int = 0
    starts: int = 0
    made: int = 0
    core_seconds: Mapping[int, float] = field(default_factory=dict)
    """How long each CPU was busy, set by a test."""
    down: bool = False
    """While true, every call raises Unavailable."""


class FakeDriver:
    """Implements the whole driver protocol without running anything."""

    name = "fake"

    def __init__(self, settings: FakeSettings | None = None, world: FakeWorld | None = None) -> None:
        self.settings = settings or FakeSettings()
        self.world = world or FakeWorld()
        self._readers: set[asyncio.Queue[GuestEvent | None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    async def open(self) -> None:
        self._check_up()

    async def close(self, *, remove: bool) -> None:
        for timer in self._timers:
            timer.cancel()
        if remove:
            for instance_id in tuple(self.world.guests):
                await self.remove(instance_id)
        for reader in self._readers:
            _offer(reader, None)

    def capabilities(self) -> Capabilities:
        why = "the fake driver runs nothing"
        names = ("crash", "cpu", "memory", "pids", "disk", "network", "host", "cores")
        return Capabilities(
            driver=self.name,
            stands_for="records: nothing runs",
            one="record, no kernel",
            items=tuple(Capability(name=name, enforced=False, why=why) for name in names),
        )

    async def capacity(self) -> Capacity:
        settings = self.settings
        return Capacity(
            cpu_cores=settings.cpu_cores,
            memory_mib=settings.memory_mib,
            pids=4_194_304,
            architecture="x86_64",
            weights_guests=True,
        )

    async def prepare_hosts(self, hosts: Sequence[Host]) -> None:
        self._check_up()

    async def create(self, spec: GuestSpec) -> None:
        self._check_up()
        if spec.instance_id in self.world.guests:
            return
        self.world.creates += 1
        number = self.world.creates
        await asyncio.sleep(self.settings.create_s)
        if number in self.settings.fail_creates:
            raise Unavailable(f"create number {number} failed (fake driver's settings)")
        self.world.made += 1
        self.world.guests[spec.instance_id] = FakeGuest(spec=spec, number=self.world.made)

    async def start(self, instance_id: str) -> Endpoint:
        guest = self._guest(instance_id)
        if guest.running:
            guest.attached = True
            return Endpoint(address=guest.address)
        self.world.starts += 1
        number = self.world.starts
        await asyncio.sleep(self.settings.boot_s)
        if number in self.settings.fail_starts:
            raise Unavailable(f"start number {number} failed (fake driver's settings)")
        guest = self._guest(instance_id)
        guest.running, guest.death, guest.impaired, guest.attached = True, None, "", True
        guest.ended = asyncio.Event()
        guest.boots += 1
        self._tell(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))
        if self.settings.dies_after_s is not None:
            self._later(self.settings.dies_after_s, instance_id, guest.boots)
        return Endpoint(address=guest.address)

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        self._check_up()
        guest = self.world.guests.get(instance_id)
        if guest is not None and guest.running:
            await asyncio.sleep(min(self.settings.stop_s, grace_s))
            self.die(instance_id, Death(exit_code=0 if self.settings.stop_s <= grace_s else 137))

    async def kill(self, instance_id: str) -> None:
        self._check_up()
        self.die(instance_id, _KILLED)

    async def remove(self, instance_id: str) -> None:
        self._check_up()
        await asyncio.sleep(self.settings.remove_s)
        self.vanish(instance_id)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        self._check_up()
        guest = self.world.guests.get(instance_id)
        return _status(guest) if guest else None

    async def list_guests(self) -> tuple[GuestStatus, ...]:
        self._check_up()
        return tuple(_status(guest) for guest in self.world.guests.values())

    async def events(self) -> AsyncIterator[GuestEvent]:
        with self._reader() as queue:
            while (event := await queue.get()) is not None:
                yield event

    async def resize(self, instance_id: str, limits: Limits) -> None:
        guest = self._guest(instance_id)
        guest.spec = replace(guest.spec, limits=limits)

    async def stats(self, instance_id: str) -> GuestStats | None:
        self._check_up()
        guest = self.world.guests.get(instance_id)
        if guest is None or not guest.running:
            return None
        return GuestStats(
            instance_id=instance_id, cpu_seconds=0.0, memory_mib=1.0, pids=1 + guest.inside, throttled_seconds=0.0
        )

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        self._check_up()
        guest = self.world.guests.get(instance_id)
        return guest.cpu if guest is not None and guest.running else None

    async def core_seconds(self) -> Mapping[int, float]:
        return self.world.core_seconds

    async def console(self, instance_id: str) -> str:
        guest = self._guest(instance_id)
        return f"boot {guest.boots} of {instance_id}\n" if guest.boots else ""

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._guest(instance_id)
        if not guest.running:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        guest.commands.append(tuple(command))
        guest.inside += 1
        try:
            async with asyncio.timeout(min(self.settings.execute_s, timeout_s)):
                await guest.ended.wait()
            return 137
        except TimeoutError:
            return 0 if self.settings.execute_s <= timeout_s else 137
        finally:
            guest.inside -= 1

    # Events that the platform did not request

    def die(self, instance_id: str, death: Death) -> None:
        """End the guest's program."""
        guest = self.world.guests.get(instance_id)
        if guest is not None and guest.running:
            guest.running, guest.death = False, death
            guest.ended.set()
            self._tell(GuestEvent(instance_id=instance_id, phase=GuestPhase.STOPPED, death=death))

    def impair(self, instance_id: str, why: str) -> None:
        """Make the guest unable to respond; with an empty reason, able again."""
        self.world.guests[instance_id].impaired = why
        self._tell(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    def detach(self, instance_id: str) -> None:
        """Disconnect the guest from its network."""
        self.world.guests[instance_id].attached = False
        self._tell(GuestEvent(instance_id=instance_id, phase=GuestPhase.RUNNING))

    def vanish(self, instance_id: str) -> None:
        """Remove the guest."""
        self.die(instance_id, _KILLED)
        self.world.guests.pop(instance_id, None)

    def gap(self) -> None:
        """Publish that events were lost."""
        self._tell(GuestEvent(instance_id="", phase=GuestPhase.STOPPED))

    def _later(self, seconds: float, instance_id: str, boot: int) -> None:
        def die() -> None:
            guest = self.world.guests.get(instance_id)
            if guest is not None and guest.boots == boot:
                self.die(instance_id, self.settings.death)

        timer = asyncio.get_running_loop().call_later(seconds, die)
        self._timers = {one for one in self._timers if not one.cancelled()} | {timer}

    def _guest(self, instance_id: str) -> FakeGuest:
        self._check_up()
        try:
            return self.world.guests[instance_id]
        except KeyError:
            raise NotFound(f"guest {instance_id} does not exist") from None

    def _check_up(self) -> None:
        if self.world.down:
            raise Unavailable("the fake engine is down")

    def _tell(self, event: GuestEvent) -> None:
        for reader in self._readers:
            _offer(reader, event)

    @contextlib.contextmanager
    def _reader(self) -> Iterator[asyncio.Queue[GuestEvent | None]]:
        queue: asyncio.Queue[GuestEvent | None] = asyncio.Queue(_EVENTS_MAX)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)


def make_driver(context: DriverContext) -> FakeDriver:
    """Return a fake driver with a world of its own."""
    return FakeDriver()


def _offer(queue: asyncio.Queue[GuestEvent | None], event: GuestEvent | None) -> None:
    """Queue the event; a full queue is replaced by a gap."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(GuestEvent(instance_id="", phase=GuestPhase.STOPPED))
    queue.put_nowait(event)


def _impaired(guest: FakeGuest) -> str:
    return guest.impaired or ("" if guest.attached else "it is not connected to the instance network")


def _status(guest: FakeGuest) -> GuestStatus:
    return GuestStatus(
        instance_id=guest.spec.instance_id,
        phase=GuestPhase.RUNNING if guest.running else GuestPhase.STOPPED,
        endpoint=Endpoint(address=guest.address) if guest.running and guest.attached else None,
        impaired=_impaired(guest) if guest.running else "",
        death=guest.death,
        record=guest.spec.record,
    )
