"""Kernel users of guests: the kernel limits inotify instances and pipe memory per user, not per container."""

from __future__ import annotations

from ipaddress import IPv4Address

from vmhost.drivers.container.engine_responses import Container, EngineInfo
from vmhost.model.guest import Capability

_FIRST = 1 << 30
"""The engine takes user ids up to 2^31 - 1. Ids this high are not used by people and services."""


def own_user(address: IPv4Address) -> str:
    """Return user and group of the guest at this address, different for each address of the private networks."""
    number = _FIRST | (int(address) & (_FIRST - 1))
    return f"{number}:{number}"


_LIMITED = "inotify instances and pipe memory"
_NOT_LIMITED = "the kernel's pseudo-terminals are shared by all (kernel.pty.max)"


class GuestUsers:
    """Records which guests have a kernel user of their own."""

    def __init__(self, info: EngineInfo) -> None:
        self._why_not = "the engine maps users to a range that is too small" if info.maps_users else ""
        self._sharing: dict[str, str] = {}

    @property
    def possible(self) -> bool:
        """Return whether this engine can run a guest as any user."""
        return not self._why_not

    def check(self, container: Container) -> None:
        """Record whether a guest that boots has a user of its own."""
        self.forget(container.instance_id)
        address = container.wanted_address
        if not address or container.user != own_user(IPv4Address(address)):
            self._sharing[container.instance_id] = container.image

    def forget(self, instance_id: str) -> None:
        """Forget a guest that was removed."""
        self._sharing.pop(instance_id, None)

    def capability(self) -> Capability:
        """Return whether each guest has a user of its own."""
        why = self._why_not or self._shared_by()
        return Capability(name="user", enforced=not why, why=why or f"each has its own {_LIMITED}; {_NOT_LIMITED}")

    def _shared_by(self) -> str:
        images = sorted(set(self._sharing.values()))
        if not images:
            return ""
        return (
            f"instances of {', '.join(images)} share {_LIMITED}; "
            f'user = "own" in the image catalogue gives each its own; {_NOT_LIMITED}'
        )
