"""The platform's side of the helper container: starts it, sends it requests, and ends it by closing the connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound, Unavailable
from vmhost.base.units import MIB
from vmhost.drivers.container import labels
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.helper import HELLO, PACKET_BYTES_MAX, Request, Response, encode
from vmhost.drivers.container.namespaces import Namespaces, in_thread
from vmhost.drivers.container.netns import ContainerProcess, is_program_stopped
from vmhost.drivers.container.ownership import Owner

_START_DEADLINE_S = 20.0
_ANSWER_DEADLINE_S = 15.0
_INSIDE = "/run/glasscloud"
_SOCKET = "helper.sock"
# SYS_PTRACE and SYS_ADMIN: hold and enter a guest's network namespace. NET_ADMIN: lay its rules and rates.
# KILL: end what was started inside a guest with execute, for which the engine has no call.
_RIGHTS = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "KILL"]


class HelperNamespaces(Namespaces):
    """Works through a helper container, one request at a time. A helper that died is started again."""

    how = "by a helper container"

    def __init__(self, engine: Engine, *, cloud: str, image: str, state_dir: Path, owner: Owner) -> None:
        self._engine = engine
        self._cloud = cloud
        self._image = image
        self._state_dir = state_dir
        self._owner = owner
        self._name = f"{cloud}-helper"
        self._link: socket.socket | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Start the helper and wait for its connection. Raises Unavailable, saying how to fix it."""
        await remove_helper(self._engine, self._cloud)
        # Only this user can enter the folder. The socket in it is open to all because the helper, though root, has no
        # privilege to bypass file permissions.
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="helper-", dir=self._state_dir))
        try:
            with _listen(folder) as listener:
                self._link = await self._start(listener, folder)
        except BaseException:
            with contextlib.suppress(CloudError):
                await self._engine.remove(self._name)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _start(self, listener: socket.socket, folder: Path) -> socket.socket:
        try:
            await self._engine.create(self._name, _config(self._cloud, self._image, folder, self._owner))
        except InvalidInput as error:
            raise Unavailable(
                f"the helper needs the image {self._image}, which this engine does not have; run: docker compose build"
            ) from error
        await self._engine.start(self._name)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                link, _ = await loop.sock_accept(listener)
        except TimeoutError as error:
            output = (await self._engine.logs(self._name, 5)).strip() or "it printed nothing"
            raise Unavailable(f"the helper {self._name} did not connect: {output}") from error
        link.settimeout(_ANSWER_DEADLINE_S)
        if await asyncio.to_thread(link.recv, PACKET_BYTES_MAX) != HELLO:
            link.close()
            raise Unavailable(f"the image {self._image} is of another version; run: docker compose build")
        return link

    async def stopped(self, processes: Collection[ContainerProcess]) -> frozenset[str]:
        # The engine's list of processes is enough; the helper is not needed.
        return frozenset([process.container_id for process in processes if await self._is_stopped(process)])

    async def _is_stopped(self, process: ContainerProcess) -> bool:
        try:
            return is_program_stopped(process.pid, await self._engine.processes(process.container_id))
        except (NotFound, Conflict):
            return False

    async def close(self) -> None:
        """Close the connection, which ends the helper, and remove its container."""
        self._hang_up()
        with contextlib.suppress(CloudError):
            await remove_helper(self._engine, self._cloud)

    def _hang_up(self) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)
            self._link.close()
            self._link = None

    async def _perform(self, request: Request) -> socket.socket | None:
        packet = encode(request)
        async with self._turn:
            try:
                try:
                    response, listener = await self._exchange(packet)
                except OSError:
                    # It has died since the last request. Every request may be repeated.
                    response, listener = await self._exchange(packet)
            except OSError as error:
                raise Unavailable(f"the helper {self._name} does not answer: {error}") from error
        response.check()
        return listener

    async def _exchange(self, packet: bytes) -> tuple[Response, socket.socket | None]:
        if self._link is None:
            await self.open()
        try:
            return await in_thread(_ask_once, self._link, packet)
        except (OSError, asyncio.CancelledError):
            # Otherwise a late response would be taken for the response to the next request.
            self._hang_up()
            raise


def _ask_once(link: socket.socket, packet: bytes) -> tuple[Response, socket.socket | None]:
    link.sendall(packet)
    answer, fds, _, _ = socket.recv_fds(link, PACKET_BYTES_MAX, 1)
    if not answer:
        raise ConnectionResetError("it closed the connection")
    return msgspec.json.decode(answer, type=Response), socket.socket(fileno=fds[0]) if fds else None


async def remove_helper(engine: Engine, cloud: str) -> None:
    """Remove this cloud's helper, also of an earlier run. A container of that name without our label is an error."""
    name = f"{cloud}-helper"
    with contextlib.suppress(NotFound):
        found = await engine.inspect(name)
        if found.labels.get(labels.CLOUD) != cloud:
            raise Unavailable(f"a container {name} exists that is not this cloud's; choose another name with --cloud")
        await engine.remove(name)


def _listen(folder: Path) -> socket.socket:
    """Listen on a socket in the folder, even if its path is longer than the 107 bytes of a socket's path."""
    folder.chmod(0o711)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{opened}/{_SOCKET}")
        (folder / _SOCKET).chmod(0o666)
        listener.listen(1)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(opened)
    listener.setblocking(False)
    return listener


def _config(cloud: str, image: str, folder: Path, owner: Owner) -> dict[str, Any]:
    return {
        "Image": image,
        "Entrypoint": ["python", "-m", "vmhost.drivers.container.helper", f"{_INSIDE}/{_SOCKET}"],
        "Cmd": [],
        "User": "0:0",
        "Labels": labels.NOT_COMPOSES | {labels.CLOUD: cloud, labels.ROLE: labels.HELPER, **owner.labels},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "none",
            "PidMode": "host",
            "CapDrop": ["ALL"],
            "CapAdd": _RIGHTS,
            # SELinux would forbid a container to use the platform's socket.
            "SecurityOpt": ["no-new-privileges", "label=disable"],
            "ReadonlyRootfs": True,
            "Binds": [f"{folder}:{_INSIDE}"],
            "AutoRemove": True,
            "RestartPolicy": {"Name": "no"},
            "Memory": 128 * MIB,
            "MemorySwap": 128 * MIB,
            "PidsLimit": 64,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        },
    }
