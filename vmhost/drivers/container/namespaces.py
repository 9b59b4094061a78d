"""Access to guests' network namespaces: from this process where it has the privileges, else through a helper."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from vmhost.base.errors import Unavailable
from vmhost.drivers.container import netns
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.helper import Check, ConfigureNetwork, EndSession, Request, Shape, perform
from vmhost.drivers.container.netns import ContainerProcess

T = TypeVar("T")


class Namespaces:
    """Sets up guests' networks from outside. Raises NotFound for a guest that has ended, Unavailable on
    other failures."""

    how: str
    """Says who does the work, as the end of a sentence: "by the platform itself"."""

    async def check(self, guest: GuestNetwork) -> None:
        """Raise Unavailable if the kernel refuses rules such as this guest's."""
        await self._perform(Check(guest))

    async def configure_network(self, process: ContainerProcess, guest: GuestNetwork) -> socket.socket:
        """Load the guest's rules, replacing earlier ones, and open the listener for its metadata."""
        listener = await self._perform(ConfigureNetwork(process, guest))
        if listener is None:
            raise Unavailable("there is no socket for the metadata")
        listener.setblocking(False)
        return listener

    async def shape(self, process: ContainerProcess, mbps: int) -> None:
        """Limit the rate of the guest's connected interfaces."""
        await self._perform(Shape(process, mbps))

    async def end_session(self, process: ContainerProcess) -> None:
        """Kill a program that the engine started inside a guest, with its descendants."""
        await self._perform(EndSession(process))

    async def _perform(self, request: Request) -> socket.socket | None:
        raise NotImplementedError

    async def stopped(self, processes: Collection[ContainerProcess]) -> frozenset[str]:
        """Return the ids of the containers whose program is suspended by a signal (SIGSTOP)."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the helper, if there is one."""


class LocalNamespaces(Namespaces):
    """Works in this process, which has the privileges and sees the engine's processes."""

    how = "by the platform itself"

    async def _perform(self, request: Request) -> socket.socket | None:
        return await in_thread(perform, request)

    async def stopped(self, processes: Collection[ContainerProcess]) -> frozenset[str]:
        stopped = await asyncio.to_thread(lambda: [process for process in processes if netns.is_stopped(process)])
        return frozenset(process.container_id for process in stopped)


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
