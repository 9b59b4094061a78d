"""Kernel users of guests: the kernel limits inotify instances, pipe memory and more per user, not per container."""

from __future__ import annotations

from ipaddress import IPv4Address

from vmhost.drivers.container.reading import Container, EngineInfo
from vmhost.model.guest import Capability

_FIRST = 1 << 30
"""The engine takes users up to 2^31 - 1; these are far above people's and services' own."""


def own_user(address: IPv4Address) -> str:
    """User and group for the guest at this address; another one for each address of the private networks."""
    number = _FIRST | (int(address) & (_FIRST - 1))
    return f"{number}:{number}"


class GuestUsers:
    """Which guests have a kernel user of their own."""

    def __init__(self, info: EngineInfo) -> None:
        self._why_not = "the engine maps users to a range that is too small" if info.maps_users else ""
        self._sharing: dict[str, str] = {}

    @property
    def possible(self) -> bool:
        """Whether this engine can run a guest as any user."""
        return not self._why_not

    def check(self, container: Container) -> None:
        """Notes whether a guest that boots has a user of its own."""
        self.forget(container.instance_id)
        address = container.wanted_address
        if not address or container.user != own_user(IPv4Address(address)):
            self._sharing[container.instance_id] = container.image

    def forget(self, instance_id: str) -> None:
        """The guest is gone."""
        self._sharing.pop(instance_id, None)

    def capability(self) -> Capability:
        """Whether each guest has a user of its own."""
        why = self._why_not or self._shared_by()
        return Capability(
            name="user", enforced=not why, why=why or "each has its own for inotify, terminals and pipe memory"
        )

    def _shared_by(self) -> str:
        images = sorted(set(self._sharing.values()))
        if not images:
            return ""
        return f'shares kernel user limits (inotify, terminals, pipe memory): {", ".join(images)}; see user = "own"'
