"""Queries Docker engines over HTTP, without Docker's library: version, image, and objects with our label."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from vmhost.api.drivers import Computer, Diagnosis, DriverObject
from vmhost.base.errors import Unavailable
from vmhost.drivers.container import labels
from vmhost.drivers.container.docker_engines import EngineCandidate, find_engines
from vmhost.drivers.container.findings import BUILD, EngineReport, findings_of
from vmhost.model.image import DEFAULT_IMAGE, IMAGE_VARIABLE

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
_CLONE = Path(__file__).parents[3]
_DEADLINE_S = 5.0


class _Info(msgspec.Struct, rename="pascal"):
    server_version: str
    architecture: str = "?"
    memory_bytes: int = msgspec.field(name="MemTotal", default=0)
    cgroup_version: str = "?"


class _Named(msgspec.Struct, rename="pascal"):
    """A container, which has `Names`, or a network or volume, which has a `Name`."""

    name: str = ""
    names: tuple[str, ...] = ()

    def object(self, kind: str, noun: str) -> DriverObject:
        return DriverObject(kind=kind, name=self.name or self.names[0].lstrip("/"), noun=noun)


class _Volumes(msgspec.Struct, rename="pascal"):
    volumes: tuple[_Named, ...] | None = None


async def diagnose(computer: Computer) -> Diagnosis:
    """Return what the engines and the image allow on this computer. Never raises for an engine's failure."""
    image = os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
    engines = await asyncio.gather(*(query_engine(candidate, image) for candidate in _candidates()))
    responds, usable = any(not each.error for each in engines), any(each.has_image for each in engines)
    can_build = responds and shutil.which(BUILD[0]) is not None and (_CLONE / "compose.yaml").exists()
    return Diagnosis(
        findings=findings_of(engines, computer, image=image, bridges_filtered=bridges_filtered()),
        usable=usable,
        build_command=BUILD if can_build else (),
        lacks=f"the image for containers is missing; build it with: {' '.join(BUILD)}"
        if responds and not usable
        else "",
    )


def bridges_filtered(proc: Path = Path("/proc")) -> bool:
    """Return whether packets between containers pass this computer's own filters; older Docker engines enable that."""
    try:
        return (proc / "sys/net/bridge/bridge-nf-call-iptables").read_text().strip() == "1"
    except OSError:
        return False


async def query_engine(candidate: EngineCandidate, image: str) -> EngineReport:
    """Return the engine's report about itself; never raises."""
    try:
        async with asyncio.timeout(_DEADLINE_S), _Engine(candidate) as engine:
            info = await engine.get("/info", _Info)
            has_image = await engine.get(f"/images/{image}/json", msgspec.Raw) is not None
    except (Unavailable, OSError) as error:
        return EngineReport(source=candidate.source, url=candidate.url, error=_reason(error))
    if info is None:
        return EngineReport(source=candidate.source, url=candidate.url, error="it is not a Docker engine")
    return EngineReport(
        source=candidate.source,
        url=candidate.url,
        version=info.server_version,
        architecture=info.architecture,
        memory_mib=info.memory_bytes // (1 << 20),
        cgroup_version=info.cgroup_version,
        has_image=has_image,
    )


async def list_objects(cloud: str) -> tuple[DriverObject, ...]:
    """Return the containers, networks and volumes of that cloud in the first engine that responds."""
    filters = msgspec.json.encode({"label": [f"{labels.CLOUD}={cloud}"]}).decode()
    for candidate in _candidates():
        try:
            async with asyncio.timeout(_DEADLINE_S), _Engine(candidate) as engine:
                containers = await engine.get("/containers/json", list[_Named], all="1", filters=filters)
                networks = await engine.get("/networks", list[_Named], filters=filters)
                volumes = await engine.get("/volumes", _Volumes, filters=filters)
        except (Unavailable, OSError):
            continue
        return (
            *(each.object("container", "instance") for each in containers or ()),
            *(each.object("network", "network") for each in networks or ()),
            *(each.object("volume", "volume") for each in (volumes and volumes.volumes) or ()),
        )
    return ()


def _candidates() -> tuple[EngineCandidate, ...]:
    """Return the addresses to try, in the order in which the driver tries them."""
    return find_engines(os.environ, Path.home())


class _Engine:
    """The HTTP API of one engine."""

    def __init__(self, candidate: EngineCandidate) -> None:
        self._candidate = candidate

    async def __aenter__(self) -> _Engine:
        import aiohttp  # takes a third of a second, which a description of the driver does not need

        connector, self._base = _connector(self._candidate)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, kind: type[T], **params: str) -> T | None:
        """Return the JSON response; None for a 404. Raises Unavailable with the reason in a few words."""
        import aiohttp

        try:
            async with self._session.get(self._base + path, params=params) as response:
                if response.status == 404:
                    return None
                response.raise_for_status()
                return msgspec.json.decode(await response.read(), type=kind)
        except msgspec.MsgspecError:
            raise Unavailable("it is not a Docker engine") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(_reason(error)) from error


def _connector(candidate: EngineCandidate) -> tuple[aiohttp.BaseConnector, str]:
    import aiohttp

    if (socket := candidate.socket) is not None:
        return aiohttp.UnixConnector(path=str(socket)), "http://engine"
    scheme, _, address = candidate.url.partition("://")
    if scheme != "tcp":
        raise Unavailable(f"connections over {scheme} are not checked here; run: docker version")
    if candidate.tls is None:
        return aiohttp.TCPConnector(), f"http://{address}"
    context = ssl.create_default_context(cafile=candidate.tls.ca)
    if not candidate.tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if candidate.tls.certificate and candidate.tls.key:
        context.load_cert_chain(candidate.tls.certificate, candidate.tls.key)
    return aiohttp.TCPConnector(ssl=context), f"https://{address}"


def _reason(error: Exception) -> str:
    # aiohttp wraps the socket's error and repeats the address.
    cause = getattr(error, "os_error", error)
    if isinstance(cause, PermissionError):
        return "permission denied"
    if isinstance(cause, FileNotFoundError):
        return "no such socket"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(cause, TimeoutError):
        return f"no answer within {_DEADLINE_S:.0f} s"
    return str(cause) or type(cause).__name__
