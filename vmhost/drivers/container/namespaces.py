"""Access to guests' network namespaces: from this process where it has the privileges, else through a helper."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

from vmhost.drivers.container import netns
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.netns import ContainerProcess

T = TypeVar("T")


class Namespaces(Protocol):
    """Sets up guests' networks from outside. Raises NotFound for a guest that has ended, Unavailable on
    other failures."""

    how: str
    """Says who does the work, as the end of a sentence: "by the platform itself"."""

    async def check(self, guest: GuestNetwork) -> None:
        """Raise Unavailable if the kernel refuses rules such as this guest's."""

    async def configure_network(self, process: ContainerProcess, guest: GuestNetwork) -> socket.socket:
        """Load the guest's rules, replacing earlier ones, and open the listener for its metadata."""

    async def shape(self, process: ContainerProcess, mbps: int) -> None:
        """Limit the rate of the guest's connected interfaces."""

    async def end_session(self, process: ContainerProcess) -> None:
        """Kill a program that the engine started inside a guest, with its descendants."""

    async def stopped(self, processes: Collection[ContainerProcess]) -> frozenset[str]:
        """Return the ids of the containers whose program is suspended by a signal (SIGSTOP)."""

    async def close(self) -> None:
        """End the helper, if there is one."""


class LocalNamespaces:
    """Works in this process, which has the privileges and sees the engine's processes."""

    how = "by the platform itself"

    async def check(self, guest: GuestNetwork) -> None:
        await asyncio.to_thread(netns.check, guest)

    async def configure_network(self, process: ContainerProcess, guest: GuestNetwork) -> socket.socket:
        return await in_thread(netns.configure_network, process, guest)

    async def shape(self, process: ContainerProcess, mbps: int) -> None:
        await asyncio.to_thread(netns.shape, process, mbps)

    async def end_session(self, process: ContainerProcess) -> None:
        await asyncio.to_thread(netns.end_session, process)

    async def stopped(self, processes: Collection[ContainerProcess]) -> frozenset[str]:
        return await asyncio.to_thread(_stopped, tuple(processes))

    async def close(self) -> None:
        return


def _stopped(processes: Collection[ContainerProcess]) -> frozenset[str]:
    return frozenset(process.container_id for process in processes if netns.is_stopped(process))


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Do blocking work in a thread. Sockets that it returns after the caller was cancelled are closed."""
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
