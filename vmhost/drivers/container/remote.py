"""The helper container seen from the control plane: starts it, asks it, and ends it by hanging up."""

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

from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound, Unavailable
from vmhost.base.units import MIB
from vmhost.drivers.container import labels, messages
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.namespaces import Place, in_thread
from vmhost.drivers.container.ownership import Owner
from vmhost.drivers.container.processes import is_stopped

_START_DEADLINE_S = 20.0
_ANSWER_DEADLINE_S = 15.0
_INSIDE = "/run/glasscloud"
_SOCKET = "helper.sock"
# SYS_PTRACE and SYS_ADMIN: hold and enter a guest's network namespace. NET_ADMIN: lay its rules and rates.
# KILL: end what was started inside a guest with execute, for which the engine has no call.
_RIGHTS = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "KILL"]


class Remote:
    """One helper container and the connection that it serves; asked one thing at a time, started again if it dies."""

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
        """Starts the helper and waits until it has called back. Raises Unavailable saying how to mend it."""
        await remove_helper(self._engine, self._cloud)
        # Only this folder's owner can come here; the open rights inside are for the helper, which has root's name
        # but not the right to pass over file permissions.
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="helper-", dir=self._state_dir))
        try:
            with _listen(folder) as listener:
                self._link = await self._call_back(listener, folder)
        except BaseException:
            with contextlib.suppress(CloudError):
                await self._engine.remove(self._name)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _call_back(self, listener: socket.socket, folder: Path) -> socket.socket:
        try:
            await self._engine.create(self._name, _config(self._cloud, self._image, folder, self._owner))
        except InvalidInput as error:
            raise Unavailable(
                f"the helper needs the image {self._image}, which this engine lacks; make it with: docker compose build"
            ) from error
        await self._engine.start(self._name)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                link, _ = await loop.sock_accept(listener)
        except TimeoutError as error:
            printed = (await self._engine.logs(self._name, 5)).strip() or "it printed nothing"
            raise Unavailable(f"the helper {self._name} did not call back: {printed}") from error
        link.settimeout(_ANSWER_DEADLINE_S)
        if await asyncio.to_thread(link.recv, messages.PACKET_BYTES_MAX) != messages.HELLO:
            link.close()
            raise Unavailable(f"the image {self._image} is of another version than this; mend: docker compose build")
        return link

    async def check(self, guest: GuestNetwork) -> None:
        await self._ask("check", Place(pid=0, container_id=""), **messages.guest_facts(guest))

    async def furnish(self, place: Place, guest: GuestNetwork) -> socket.socket:
        listener = await self._ask("furnish", place, **messages.guest_facts(guest))
        if listener is None:
            raise Unavailable("the helper answered without the metadata listener; expected its socket")
        listener.setblocking(False)
        return listener

    async def shape(self, place: Place, mbps: int) -> None:
        await self._ask("shape", place, mbps=mbps)

    async def end_session(self, place: Place) -> None:
        await self._ask("end_session", place)

    async def stopped(self, places: Collection[Place]) -> frozenset[str]:
        # The engine tells it without the helper.
        return frozenset([place.container_id for place in places if await self._is_stopped(place)])

    async def _is_stopped(self, place: Place) -> bool:
        try:
            return is_stopped(place.pid, await self._engine.processes(place.container_id))
        except (NotFound, Conflict):
            return False

    async def close(self) -> None:
        """Hangs up, which ends the helper, and removes its container."""
        self._hang_up()
        with contextlib.suppress(CloudError):
            await remove_helper(self._engine, self._cloud)

    def _hang_up(self) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)
            self._link.close()
            self._link = None

    async def _ask(self, verb: str, place: Place, **facts: Any) -> socket.socket | None:
        request = messages.encode_request(verb, place.pid, place.container_id, **facts)
        async with self._turn:
            try:
                answer, listener = await self._exchange(request)
            except OSError:
                # It died since it was last asked; what it is asked may be done twice.
                try:
                    answer, listener = await self._exchange(request)
                except OSError as error:
                    raise Unavailable(f"the helper {self._name} does not answer: {error}") from error
        try:
            messages.raise_if_error(answer)
        except CloudError:
            if listener is not None:
                listener.close()
            raise
        return listener

    async def _exchange(self, request: bytes) -> tuple[bytes, socket.socket | None]:
        if self._link is None:
            await self.open()
        try:
            return await in_thread(_ask_once, self._link, request)
        except (OSError, asyncio.CancelledError):
            # An answer that nobody waited for would be taken for the next one.
            self._hang_up()
            raise


def _ask_once(link: socket.socket, request: bytes) -> tuple[bytes, socket.socket | None]:
    link.sendall(request)
    answer, fds, _, _ = socket.recv_fds(link, messages.PACKET_BYTES_MAX, 1)
    if not answer:
        raise ConnectionResetError("it has ended")
    return answer, socket.socket(fileno=fds[0]) if fds else None


async def remove_helper(engine: Engine, cloud: str) -> None:
    """Removes this cloud's helper, also an earlier run's; one with its name but not our label is somebody else's."""
    name = f"{cloud}-helper"
    with contextlib.suppress(NotFound):
        found = await engine.inspect(name)
        if found.labels.get(labels.CLOUD) != cloud:
            raise Unavailable(f"a container {name} is here that is not this cloud's; choose another --cloud")
        await engine.remove(name)


def _listen(folder: Path) -> socket.socket:
    """A listening socket in the folder, however long the folder's path is (a socket's may have 107 bytes)."""
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
            # label: a socket of the control plane's is no container's file where SELinux watches.
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
