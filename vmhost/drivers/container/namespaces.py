"""Who works in the guests' network namespaces: this process where it may, else a helper; the work is the same."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vmhost.drivers.container import netns
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.processes import is_stopped, read_program

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A running container whose namespace is meant; the id guards against a process id that was used again."""

    pid: int
    container_id: str


class Namespaces(Protocol):
    """Rules, listeners and rates laid from outside. Raises NotFound for a guest that is gone, else Unavailable."""

    how: str
    """Who does it, in words."""

    async def check(self, guest: GuestNetwork) -> None:
        """Raises Unavailable where the kernel refuses rules such as this guest's."""

    async def furnish(self, place: Place, guest: GuestNetwork) -> socket.socket:
        """Lays the guest's rules, replacing earlier ones, and opens the listener for its metadata."""

    async def shape(self, place: Place, mbps: int) -> None:
        """Holds the guest's attached interfaces to a rate."""

    async def end_session(self, place: Place) -> None:
        """Kills a program that the engine started inside a guest, with all that it started."""

    async def stopped(self, places: Collection[Place]) -> frozenset[str]:
        """Those of these containers whose program is stopped by a signal."""

    async def close(self) -> None:
        """Lets go of what does the work."""


class Direct:
    """This process does it; it has the rights and sees the engine's processes."""

    how = "by the control plane itself"

    async def check(self, guest: GuestNetwork) -> None:
        await asyncio.to_thread(netns.check, guest)

    async def furnish(self, place: Place, guest: GuestNetwork) -> socket.socket:
        return await in_thread(netns.furnish, place.pid, place.container_id, guest)

    async def shape(self, place: Place, mbps: int) -> None:
        await asyncio.to_thread(netns.shape, place.pid, place.container_id, mbps)

    async def end_session(self, place: Place) -> None:
        await asyncio.to_thread(netns.end_session, place.pid, place.container_id)

    async def stopped(self, places: Collection[Place]) -> frozenset[str]:
        return await asyncio.to_thread(_stopped, tuple(places))

    async def close(self) -> None:
        return


def _stopped(places: Collection[Place]) -> frozenset[str]:
    return frozenset(
        place.container_id
        for place in places
        if is_stopped(place.pid, read_program(place.pid)) and netns.belongs(place.pid, place.container_id)
    )


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Does blocking work in a thread; sockets that it gives after nobody waits any more are closed, not leaked."""
    task: asyncio.Future[T] = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close_sockets)
        raise


def _close_sockets(task: asyncio.Future[Any]) -> None:
    if task.cancelled() or task.exception() is not None:
        return
    result = task.result()
    for one in result if isinstance(result, tuple) else (result,):
        if isinstance(one, socket.socket):
            one.close()
