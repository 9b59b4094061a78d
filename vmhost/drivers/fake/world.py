"""What exists outside the platform: fake guests, and how they behave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmhost.base.errors import CloudError, NotFound, Unavailable
from vmhost.model.guest import Death, Endpoint, GuestCpu, GuestPhase, GuestSpec, GuestStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSettings:
    """How the driver behaves; times in seconds."""

    hosts: int = 2
    cpu_cores: float = 64.5
    """Of all hosts together, as the memory."""
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
    resize_error: CloudError | None = None
    """Raised by every resize, set by a test."""
    cpu: GuestCpu = field(default_factory=lambda: GuestCpu(used=0.0, throttled=0.0))
    """Its CPU figures, set by a test."""

    @property
    def address(self) -> str:
        """Its address, in a network reserved for tests (RFC 2544)."""
        return f"198.18.{self.number // 254}.{self.number % 254 + 1}"

    def status(self) -> GuestStatus:
        """Return the guest's status."""
        impaired = self.impaired or ("" if self.attached else "it is not connected to the instance network")
        return GuestStatus(
            instance_id=self.spec.instance_id,
            phase=GuestPhase.RUNNING if self.running else GuestPhase.STOPPED,
            endpoint=Endpoint(address=self.address) if self.running and self.attached else None,
            impaired=impaired if self.running else "",
            death=self.death,
            record=self.spec.record,
        )


@dataclass(slots=True)
class FakeWorld:
    """The guests, and counters of the driver's calls."""

    guests: dict[str, FakeGuest] = field(default_factory=dict)
    creates: int = 0
    starts: int = 0
    made: int = 0
    core_seconds: Mapping[int, float] = field(default_factory=dict)
    """How long each CPU was busy, set by a test."""
    down: bool = False
    """While true, every call raises Unavailable."""

    def check_up(self) -> None:
        """Raise Unavailable while the world is down."""
        if self.down:
            raise Unavailable("the fake engine is down")

    def find(self, instance_id: str) -> FakeGuest | None:
        """Return the guest; None if it does not exist. Raises Unavailable while the world is down."""
        self.check_up()
        return self.guests.get(instance_id)

    def guest(self, instance_id: str) -> FakeGuest:
        """Return the guest. Raises NotFound, and Unavailable while the world is down."""
        if (guest := self.find(instance_id)) is None:
            raise NotFound(f"guest {instance_id} does not exist")
        return guest
