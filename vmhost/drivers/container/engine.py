"""The Docker engine, called off the event loop. The only module that imports Docker's SDK and catches its exceptions.

Every call runs in a bounded pool of threads with a deadline and raises only CloudErrors. An engine that hangs blocks
its threads for a minute, but does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import docker
import docker.errors
import docker.tls
import docker.utils
import requests.exceptions
import urllib3.exceptions

from vmhost.base.errors import CloudError, Conflict, DeadlineExceeded, Internal, InvalidInput, NotFound, Unavailable
from vmhost.drivers.container.daemon_threads import DaemonThreads
from vmhost.drivers.container.docker_engines import EngineCandidate, TlsFiles
from vmhost.drivers.container.engine_responses import (
    Container,
    EngineInfo,
    EngineNetwork,
    ListedContainer,
    read_container,
    read_info,
    read_listed,
    read_network,
)

T = TypeVar("T")

_sdk: Any = docker
"""The SDK has no types."""

_THREADS = 24
_DEADLINE_S = 30.0
_CONNECT_DEADLINE_S = 5.0
_SETTLE_DEADLINE_S = 4.0
_REMOVAL_DEADLINE_S, _REMOVAL_PAUSE_S = 10.0, 0.03
_EVENTS = ("start", "die", "oom", "pause", "unpause", "disconnect")
_OLDEST_API = "1.41"


class Engine:
    """A connection to an engine. Containers are given by id or name; unknown ones raise NotFound."""

    def __init__(self, candidate: EngineCandidate, client: Any, threads: DaemonThreads) -> None:
        self.candidate = candidate
        self._client = client
        self._threads = threads
        self._under_way: set[Future[Any]] = set()

    @classmethod
    async def connect(cls, candidates: Sequence[EngineCandidate]) -> Engine:
        """Connect to the first candidate that answers. Raises Unavailable, saying what was tried and how to fix it."""
        failures: list[str] = []
        threads = DaemonThreads(_THREADS, name="engine")
        for candidate in candidates:
            try:
                async with asyncio.timeout(_CONNECT_DEADLINE_S * 2):
                    client = await asyncio.wrap_future(threads.submit(functools.partial(_connect, candidate)))
                return cls(candidate, client, threads)
            except TimeoutError:
                failures.append(f"from {candidate.source}: {candidate.url} does not answer")
            except CloudError as error:
                failures.append(f"from {candidate.source}: {error}")
        threads.close()
        if not failures:
            raise Unavailable("no Docker engine was found; install and start one, or use --driver process")
        raise Unavailable(f"no Docker engine answers: {'; '.join(failures)}")

    async def close(self) -> None:
        """Close threads and connections. Nothing in the engine is changed."""
        self._threads.close()
        self._client.close()

    async def settle(self, deadline_s: float = _SETTLE_DEADLINE_S) -> None:
        """Wait for calls whose callers were cancelled: the engine still carries them out, and what they make exists
        only afterwards."""
        calls = [asyncio.wrap_future(call) for call in tuple(self._under_way)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await asyncio.gather(*calls, return_exceptions=True)

    async def _call(self, subject: str, work: Callable[[], T], *, deadline_s: float = _DEADLINE_S) -> T:
        call = self._threads.submit(functools.partial(_translated, subject, work))
        self._under_way.add(call)
        call.add_done_callback(self._under_way.discard)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.wrap_future(call)
        except TimeoutError as error:
            raise DeadlineExceeded(f"{subject}: the engine did not answer within {deadline_s:.0f} s") from error

    async def _call_for(self, container: str, method: Callable[..., T], *arguments: object, **options: object) -> T:
        """Call a method of the SDK with the container as its first argument."""
        return await self._call(f"container {container}", functools.partial(method, container, *arguments, **options))

    async def info(self) -> EngineInfo:
        info = await self._call("the engine", self._client.info)
        version = await self._call("the engine", self._client.version)
        return read_info(info, version.get("Components") or ())

    async def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the engine's JSON and return its id."""
        work = functools.partial(self._client.create_container_from_config, dict(config), name)
        made = await self._call(f"container {name}", work)
        return str(made["Id"])

    async def inspect(self, container: str) -> Container:
        return read_container(await self._call_for(container, self._client.inspect_container))

    async def find(self, *labels: str) -> tuple[Container, ...]:
        """Return every container, running or not, with all these labels ("key=value"), inspected in parallel."""
        listed = await self.list(*labels)
        found = await asyncio.gather(*(self._inspect_if_there(one.id) for one in listed))
        return tuple(one for one in found if one is not None)

    async def _inspect_if_there(self, container: str) -> Container | None:
        try:
            return await self.inspect(container)
        except NotFound:
            return None

    async def list(self, *labels: str) -> tuple[ListedContainer, ...]:
        """Return the same in one call, with fewer fields."""
        work = functools.partial(self._client.containers, all=True, filters={"label": list(labels)})
        listed = await self._call("the engine", work)
        return tuple(map(read_listed, listed))

    async def find_image(self, reference: str) -> str:
        """Return the id of an image that this engine has. Raises NotFound."""
        try:
            found = await self._call(f"image {reference}", lambda: self._client.inspect_image(reference))
        except InvalidInput as error:
            raise NotFound(error.message) from error
        return str(found["Id"])

    async def start(self, container: str) -> None:
        await self._call_for(container, self._client.start)

    async def stop(self, container: str, grace_s: float) -> None:
        """Send SIGTERM, then kill it after `grace_s`."""
        work = functools.partial(self._client.stop, container, timeout=max(0, round(grace_s)))
        await self._call(f"container {container}", work, deadline_s=grace_s + _DEADLINE_S)

    async def kill(self, container: str) -> None:
        await self._call_for(container, self._client.kill)

    async def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes, running or not, or wait if it is being removed already."""
        try:
            await self._call_for(container, self._client.remove_container, force=True, v=True)
        except Conflict:
            await self._gone(container)

    async def _gone(self, container: str) -> None:
        try:
            async with asyncio.timeout(_REMOVAL_DEADLINE_S):
                while True:
                    await self.inspect(container)
                    await asyncio.sleep(_REMOVAL_PAUSE_S)
        except NotFound:
            return
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"container {container} still exists {_REMOVAL_DEADLINE_S:.0f} s after its removal"
            ) from error

    async def update(self, container: str, resources: Mapping[str, Any]) -> None:
        """Change limits, given as the engine's JSON: the SDK's own call cannot set the number of processes."""

        def change() -> None:
            client = self._client
            response = client._post_json(client._url("/containers/{0}/update", container), data=dict(resources))
            client._result(response, True)

        await self._call(f"container {container}", change)

    async def processes(self, container: str) -> tuple[tuple[int, int, str], ...]:
        """Return each process of a running container: its id, its parent's (as the engine sees them) and its state."""
        found = await self._call_for(container, self._client.top, ps_args="-eo pid,ppid,state")
        rows = (row for row in found.get("Processes") or () if len(row) >= 3)
        return tuple((int(row[0]), int(row[1]), str(row[2])[:1]) for row in rows)

    async def stats(self, container: str) -> Mapping[str, Any]:
        """Return the engine's present statistics as JSON."""
        found: Mapping[str, Any] = await self._call_for(container, self._client.stats, stream=False, one_shot=True)
        return found

    async def logs(self, container: str, lines: int) -> str:
        text: bytes = await self._call_for(container, self._client.logs, stdout=True, stderr=True, tail=lines)
        return text.decode(errors="replace")

    async def execute(self, container: str, command: Sequence[str]) -> str:
        """Start a program inside the running container and return its exec id."""

        def start() -> str:
            made = self._client.exec_create(container, list(command), stdout=False, stderr=False)
            self._client.exec_start(made["Id"], detach=True)
            return str(made["Id"])

        return await self._call(f"container {container}", start)

    async def executed(self, exec_id: str) -> tuple[int, int | None]:
        """Return the process id of a started program as the engine sees it, and its exit code once it has ended."""
        found = await self._call("a program inside an instance", lambda: self._client.exec_inspect(exec_id))
        return int(found.get("Pid") or 0), None if found.get("Running") else found.get("ExitCode")

    async def networks(self) -> tuple[EngineNetwork, ...]:
        return tuple(read_network(one) for one in await self._call("the engine", self._client.networks))

    async def create_network(
        self, name: str, *, subnet: str, pool: str, gateway: str, labels: Mapping[str, str]
    ) -> str:
        """Create a bridge network without a route to the outside. Raises Conflict when the range overlaps another."""
        ipam = {"Driver": "default", "Config": [{"Subnet": subnet, "IPRange": pool, "Gateway": gateway}]}
        options = {"driver": "bridge", "internal": True, "ipam": ipam, "labels": dict(labels), "check_duplicate": True}
        made = await self._call(f"network {name}", lambda: self._client.create_network(name, **options))
        return str(made["Id"])

    async def remove_network(self, network: str) -> None:
        await self._call(f"network {network}", lambda: self._client.remove_network(network))

    async def connect_network(self, container: str, network: str, address: str | None = None) -> None:
        """Connect a container to a network, with the given address or one that the engine chooses."""
        await self._call_for(container, self._client.connect_container_to_network, network, ipv4_address=address)

    async def disconnect_network(self, container: str, network: str) -> None:
        await self._call_for(container, self._client.disconnect_container_from_network, network, force=True)

    async def images(self) -> tuple[str, ...]:
        """Return the ids of all images that this engine has."""
        return tuple(str(one["Id"]) for one in await self._call("the engine", self._client.images))

    async def program(self, reference: str) -> tuple[str, ...]:
        """Return the program and arguments that an image starts by default. Raises InvalidInput if it is not here."""
        found = await self._call(f"image {reference}", lambda: self._client.inspect_image(reference))
        config = found.get("Config") or {}
        return (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))

    async def unpack(self, container: str, folder: str, archive: bytes) -> None:
        """Unpack a tar archive in a folder of the container."""
        await self._call_for(container, self._client.put_archive, folder, archive)

    async def volumes(self, label: str) -> tuple[str, ...]:
        """Return the names of the volumes with this label."""
        found = await self._call("the engine", lambda: self._client.volumes(filters={"label": label}))
        return tuple(one["Name"] for one in found.get("Volumes") or ())

    async def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a volume, or keep one of that name as it is."""
        await self._call(f"volume {name}", lambda: self._client.create_volume(name, labels=dict(labels)))

    async def remove_volume(self, name: str) -> None:
        await self._call(f"volume {name}", lambda: self._client.remove_volume(name, force=True))

    def open_events(self) -> EventStream:
        """Return a stream of events of containers and their networks from now on. Blocks, so call it in a thread."""

        def open_stream() -> EventStream:
            wanted = {"type": ["container", "network"], "event": list(_EVENTS)}
            return EventStream(self._client.events(decode=True, filters=wanted))

        return _translated("the engine's events", open_stream)


class EventStream:
    """Iterates over the engine's events as JSON objects. `close` may be called from another thread."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Iterate until the stream is closed or breaks."""
        try:
            yield from self._stream
        except (OSError, ValueError, *_BROKEN):
            return

    def close(self) -> None:
        try:
            self._stream.close()
        except (OSError, AttributeError, docker.errors.DockerException):
            # The engine may have closed the stream already.
            return


_BROKEN = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    docker.errors.DockerException,
    docker.errors.StreamParseError,
)


def _knock(path: Path) -> None:
    """Check that the socket answers. The SDK's own message would name neither the file nor the fix."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_CONNECT_DEADLINE_S)
            sock.connect(str(path))
    except FileNotFoundError:
        raise Unavailable(f"{path} does not exist; start the engine") from None
    except PermissionError:
        raise Unavailable(f"this user may not use {path}; join its group: sudo usermod -aG docker $USER") from None
    except OSError as error:
        raise Unavailable(f"{path} does not answer ({error.strerror or error}); start the engine") from None


def _connect(candidate: EngineCandidate) -> Any:
    if candidate.socket is not None:
        _knock(candidate.socket)

    def work() -> Any:
        client = _sdk.APIClient(
            base_url=candidate.url,
            version="auto",
            timeout=_CONNECT_DEADLINE_S,
            tls=_tls(candidate.tls) if candidate.tls else False,
            use_ssh_client=candidate.url.startswith("ssh://"),
            max_pool_size=_THREADS,
        )
        if _sdk.utils.version_lt(client.api_version, _OLDEST_API):
            raise Unavailable(f"its API {client.api_version} is too old; update it to Docker 20.10 or newer")
        client.timeout = _DEADLINE_S * 2
        return client

    return _translated("the engine", work)


def _tls(files: TlsFiles) -> Any:
    pair = (str(files.certificate), str(files.key)) if files.certificate and files.key else None
    return _sdk.tls.TLSConfig(client_cert=pair, ca_cert=str(files.ca) if files.ca else None, verify=files.verify)


def _translated(subject: str, work: Callable[[], T]) -> T:
    """Do the work. Exceptions of the SDK become CloudErrors that name the subject."""
    try:
        return work()
    except docker.errors.ImageNotFound as error:
        raise InvalidInput(f"{subject}: {_message(error)}; pull or build it first") from error
    except docker.errors.APIError as error:
        raise _kind(error)(f"{subject}: {_message(error)}") from error
    except requests.exceptions.Timeout as error:
        raise DeadlineExceeded(f"{subject}: the engine did not answer in time") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"{subject}: the engine does not answer ({_first_line(error)})") from error
    except docker.errors.DockerException as error:
        raise Unavailable(f"{subject}: {_first_line(error)}") from error
    except json.JSONDecodeError as error:
        raise Unavailable(f"{subject}: the engine's response is not JSON ({error})") from error


def _kind(error: docker.errors.APIError) -> type[CloudError]:
    status = error.response.status_code if error.response is not None else 500
    # The engine responds with 403 for "already connected" and for overlapping ranges.
    by_status: dict[int, type[CloudError]] = {400: InvalidInput, 403: Conflict, 404: NotFound, 409: Conflict}
    return by_status.get(status, Unavailable if status >= 500 else Internal)


def _message(error: docker.errors.APIError) -> str:
    return str(error.explanation or error).strip()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
