"""Query Docker engines over HTTP, without Docker's library: version, image, and objects with our label."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

import aiohttp

from client.doctor.engine_report import EngineReport
from vmhost.base.docker_engines import EngineCandidate, find_engines

IMAGE_DEFAULT = "glasscloud:latest"
_DEADLINE_S = 5.0


def image_name() -> str:
    """Return the name of the image that instances boot from."""
    return os.environ.get("GLASSCLOUD_IMAGE") or IMAGE_DEFAULT


def candidates() -> tuple[EngineCandidate, ...]:
    """Return the addresses to try, in the order in which the driver tries them."""
    return find_engines(os.environ, Path.home())


async def query_engine(candidate: EngineCandidate, image: str) -> EngineReport:
    """Return the engine's report about itself; never raises."""
    known = EngineReport(source=candidate.source, url=candidate.url)
    try:
        async with asyncio.timeout(_DEADLINE_S), _Engine(candidate) as engine:
            version = await engine.get("/version")
            info = await engine.get("/info")
            has_image = await engine.get(f"/images/{image}/json") is not None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return EngineReport(source=known.source, url=known.url, error=_reason(error))
    if not version or not info:
        return EngineReport(source=known.source, url=known.url, error="it is not a Docker engine")
    return EngineReport(
        source=known.source,
        url=known.url,
        version=str(version.get("Version", "?")),
        architecture=str(info.get("Architecture", "?")),
        cores=int(info.get("NCPU", 0)),
        memory_mib=int(info.get("MemTotal", 0)) // (1 << 20),
        cgroup_version=str(info.get("CgroupVersion", "?")),
        has_image=has_image,
    )


async def labelled_objects(cloud: str) -> tuple[str, ...]:
    """Return the containers, networks and volumes of that cloud in the first engine that responds."""
    filters = json.dumps({"label": [f"glasscloud.cloud={cloud}"]})
    for candidate in candidates():
        try:
            async with asyncio.timeout(_DEADLINE_S), _Engine(candidate) as engine:
                containers = await engine.get("/containers/json", all="1", filters=filters) or []
                networks = await engine.get("/networks", filters=filters) or []
                volumes = (await engine.get("/volumes", filters=filters) or {}).get("Volumes") or []
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            continue
        return (
            *(f"container {each['Names'][0].lstrip('/')}" for each in containers),
            *(f"network {each['Name']}" for each in networks),
            *(f"volume {each['Name']}" for each in volumes),
        )
    return ()


class _Engine:
    """The HTTP API of one engine."""

    def __init__(self, candidate: EngineCandidate) -> None:
        self._candidate = candidate

    async def __aenter__(self) -> _Engine:
        connector, self._base = _reach(self._candidate)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **params: str) -> Any:
        """Return the JSON response; None for a 404. Raises aiohttp's errors."""
        async with self._session.get(self._base + path, params=params) as answer:
            if answer.status == 404:
                return None
            answer.raise_for_status()
            return await answer.json(content_type=None)


def _reach(candidate: EngineCandidate) -> tuple[aiohttp.BaseConnector, str]:
    if (socket := candidate.socket) is not None:
        return aiohttp.UnixConnector(path=str(socket)), "http://engine"
    scheme, _, address = candidate.url.partition("://")
    if scheme != "tcp":
        raise ValueError(f"connections over {scheme} are not checked here; run: docker version")
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
