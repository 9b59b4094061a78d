"""The life of fake guests, and what happens to them without a request of the platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from vmhost.base.errors import Unavailable
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.fake.world import FakeGuest, FakeSettings, FakeWorld
from vmhost.model.guest import Death, Endpoint, GuestCpu, GuestEvent, GuestPhase, GuestSpec, GuestStats, GuestStatus
from vmhost.model.limits import Limits

_EVENTS_MAX = 1024
_KILLED = Death(exit_code=137)


class FakeInstances:
    """Changes records in the world, with the settings' delays and failures."""

    def __init__(self, settings: FakeSettings, world: FakeWorld) -> None:
        self._settings = settings
        self._world = world
        self._feed = EventFeed(_EVENTS_MAX)
        self._timers: set[asyncio.TimerHandle] = set()

    async def create(self, spec: GuestSpec) -> None:
        world = self._world
        world.check_up()
        if spec.instance_id in world.guests:
            return
        world.creates += 1
        number = world.creates
        await asyncio.sleep(self._settings.create_s)
        if number in self._settings.fail_creates:
            raise Unavailable(f"create number {number} failed (fake driver's settings)")
        world.made += 1
        world.guests[spec.instance_id] = FakeGuest(spec=spec, number=world.made)

    async def start(self, instance_id: str) -> Endpoint:
        guest = self._world.guest(instance_id)
        if guest.running:
            guest.attached = True
            return Endpoint(address=guest.address)
        self._world.starts += 1
        number = self._world.starts
        await asyncio.sleep(self._settings.boot_s)
        if number in self._settings.fail_starts:
            raise Unavailable(f"start number {number} failed (fake driver's settings)")
        guest = self._world.guest(instance_id)
        guest.running, guest.death, guest.impaired, guest.attached = True, None, "", True
        guest.ended = asyncio.Event()
        guest.boots += 1
        self._publish(instance_id, GuestPhase.RUNNING)
        if self._settings.dies_after_s is not None:
            self._die_later(self._settings.dies_after_s, instance_id, guest.boots)
        return Endpoint(address=guest.address)

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        guest = self._world.find(instance_id)
        if guest is not None and guest.running:
            stop_s = self._settings.stop_s
            await asyncio.sleep(min(stop_s, grace_s))
            self.die(instance_id, Death(exit_code=0 if stop_s <= grace_s else 137))

    async def kill(self, instance_id: str) -> None:
        self._world.check_up()
        self.die(instance_id, _KILLED)

    async def remove(self, instance_id: str) -> None:
        self._world.check_up()
        await asyncio.sleep(self._settings.remove_s)
        self.vanish(instance_id)

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        guest = self._world.find(instance_id)
        return guest.status() if guest else None

    async def list(self) -> tuple[GuestStatus, ...]:
        self._world.check_up()
        return tuple(guest.status() for guest in self._world.guests.values())

    def events(self) -> AsyncIterator[GuestEvent]:
        return self._feed.listen()

    async def resize(self, instance_id: str, limits: Limits) -> None:
        guest = self._world.guest(instance_id)
        if guest.resize_error:
            raise guest.resize_error
        guest.spec = replace(guest.spec, limits=limits)

    async def stats(self, instance_id: str) -> GuestStats | None:
        guest = self._world.find(instance_id)
        if guest is None or not guest.running:
            return None
        return GuestStats(
            instance_id=instance_id, cpu_seconds=0.0, memory_mib=1.0, pids=1 + guest.inside, throttled_seconds=0.0
        )

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        guest = self._world.find(instance_id)
        return guest.cpu if guest is not None and guest.running else None

    def close(self) -> None:
        """End all listeners and timers."""
        for timer in self._timers:
            timer.cancel()
        self._feed.close()

    # Events that the platform did not request

    def die(self, instance_id: str, death: Death) -> None:
        """End the guest's program."""
        guest = self._world.guests.get(instance_id)
        if guest is not None and guest.running:
            guest.running, guest.death = False, death
            guest.ended.set()
            self._publish(instance_id, GuestPhase.STOPPED, death)

    def impair(self, instance_id: str, why: str) -> None:
        """Make the guest unable to respond; with an empty reason, able again."""
        self._world.guests[instance_id].impaired = why
        self._publish(instance_id, GuestPhase.RUNNING)

    def detach(self, instance_id: str) -> None:
        """Disconnect the guest from its network."""
        self._world.guests[instance_id].attached = False
        self._publish(instance_id, GuestPhase.RUNNING)

    def vanish(self, instance_id: str) -> None:
        """Remove the guest."""
        self.die(instance_id, _KILLED)
        self._world.guests.pop(instance_id, None)

    def gap(self) -> None:
        """Publish that events were lost."""
        self._publish("", GuestPhase.STOPPED)

    def _publish(self, instance_id: str, phase: GuestPhase, death: Death | None = None) -> None:
        self._feed.publish(GuestEvent(instance_id=instance_id, phase=phase, death=death))

    def _die_later(self, seconds: float, instance_id: str, boot: int) -> None:
        def die() -> None:
            guest = self._world.guests.get(instance_id)
            if guest is not None and guest.boots == boot:
                self.die(instance_id, self._settings.death)

        timer = asyncio.get_running_loop().call_later(seconds, die)
        self._timers = {one for one in self._timers if not one.cancelled()} | {timer}
