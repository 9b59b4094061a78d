"""The ports of a driver: what every kind of guest has in common.

Calls are plain requests with responses, whose values could be sent over a network. Each is idempotent and safe to
repeat after a crash at any point. A driver keeps no state that it could lose: it finds this cloud's guests by label. It
never writes an instance's state; it acts, measures and reports. It translates exceptions of its libraries and raises
only `CloudError`s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.model.guest import Capabilities, Endpoint, GuestCpu, GuestEvent, GuestSpec, GuestStats, GuestStatus
from vmhost.model.host import Host
from vmhost.model.limits import Limits


class Hosts(Protocol):
    """The hosts on which a driver runs guests."""

    async def prepare(self) -> tuple[Host, ...]:
        """Return the hosts, named host-a, host-b and so on, after setting their limits where the driver can
        (capabilities "host" and "cores").

        The CPU ceiling of guests of an earlier run is reduced to their host's quota, running or stopped."""

    async def core_seconds(self) -> Mapping[int, float]:
        """Return how long each CPU was busy since boot, with guests or other programs; empty where it is not known."""


class Instances(Protocol):
    """The life of guests. What a cancelled call leaves, `remove` removes."""

    async def create(self, spec: GuestSpec) -> None:
        """Make the guest, stopped, with all its limits. Does nothing if it exists.

        Raises InvalidInput for an image that this driver cannot boot, Unavailable for a failing engine."""

    async def start(self, instance_id: str) -> Endpoint:
        """Boot the guest, with rules and metadata before its network, and return its endpoint, also if it runs already.

        Raises NotFound for a guest that does not exist."""

    async def stop(self, instance_id: str, *, grace_s: float) -> None:
        """Send the guest's program SIGTERM and kill it after `grace_s`; its disk stays. Does nothing if not running."""

    async def kill(self, instance_id: str) -> None:
        """Kill the guest's program, as a crash would. Does nothing if it is not running."""

    async def remove(self, instance_id: str) -> None:
        """Remove the guest completely, running or not. Does nothing if it does not exist."""

    async def inspect(self, instance_id: str) -> GuestStatus | None:
        """Return the guest's status; None if it does not exist."""

    async def list(self) -> tuple[GuestStatus, ...]:
        """Return every guest of this cloud, also of an earlier run."""

    def events(self) -> AsyncIterator[GuestEvent]:
        """Iterate over starts and deaths from now on, each within a second, until the driver is closed. Goes on after a
        restart of the engine; an event with an empty instance id means a gap, after which the caller lists again."""

    async def resize(self, instance_id: str, limits: Limits) -> None:
        """Change the limits of a guest, running or stopped."""

    async def stats(self, instance_id: str) -> GuestStats | None:
        """Return what the guest uses now; None if it is not running."""

    async def cpu(self, instance_id: str) -> GuestCpu | None:
        """Return the guest's CPU figures; None if it is not running."""


class Networks(Protocol):
    """What guests reach on their network beside each other: their metadata service, which runs where they run."""

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        """Serve these facts to the guest from now on. Also works before `open`, and before the guest exists."""

    async def drop_metadata(self, instance_id: str) -> None:
        """Serve nothing to the guest any more. Does nothing for an unknown id."""


class Shell(Protocol):
    """What guests print, and commands inside them."""

    async def console(self, instance_id: str) -> str:
        """Return the last 64 KiB that the guest's program printed."""

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        """Run a program inside the running guest, under the guest's limits, and return its exit code. It is killed
        after `timeout_s` or when cancelled. Raises Conflict if the guest is not running."""


class Driver(Protocol):
    """A driver with all its ports."""

    name: str

    @property
    def hosts(self) -> Hosts: ...

    @property
    def instances(self) -> Instances: ...

    @property
    def networks(self) -> Networks: ...

    @property
    def shell(self) -> Shell: ...

    async def open(self) -> None:
        """Connect to what makes the guests, and prepare what all of them share.

        Raises Unavailable, naming what does not answer and what to do, and Conflict, with nothing changed, if another
        platform's guests are in the way."""

    async def close(self, *, remove: bool) -> None:
        """Close the driver; with `remove`, first remove every guest, network and volume of this cloud."""

    def capabilities(self) -> Capabilities:
        """Return what is isolated on this computer, and why the rest is not. Does not change after `hosts.prepare`."""
