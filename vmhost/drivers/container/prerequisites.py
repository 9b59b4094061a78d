"""Checks whether this computer can run containers, before a driver is chosen. Nothing is made or changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from vmhost.base.errors import CloudError, NotFound
from vmhost.drivers.container.docker_engines import find_engines
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.registry import MissingPrerequisite

ENGINE, IMAGE = "engine", "image"
NETWORKS = "networks"
"""The engine's networks are not on this computer; containers can still be used with `--driver container`."""
_DEADLINE_S = 5.0


async def missing_prerequisite(
    reference: str, environment: Mapping[str, str] | None = None
) -> MissingPrerequisite | None:
    """Return what is missing to boot this image now; None when nothing is."""
    candidates = find_engines(os.environ if environment is None else environment, Path.home())
    if not candidates:
        return MissingPrerequisite(name=ENGINE, reason="no Docker engine found")
    try:
        async with asyncio.timeout(_DEADLINE_S):
            engine = await Engine.connect(candidates)
            try:
                return await _image_problem(engine, reference)
            finally:
                await engine.close()
    except TimeoutError:
        return MissingPrerequisite(name=ENGINE, reason="the Docker engine does not answer")
    except CloudError as error:
        return MissingPrerequisite(name=ENGINE, reason=error.message)


async def _image_problem(engine: Engine, reference: str) -> MissingPrerequisite | None:
    try:
        await engine.find_image(reference)
    except NotFound:
        return MissingPrerequisite(name=IMAGE, reason=f"the image {reference} is not built")
    if not Path("/sys/class/net").exists():
        return MissingPrerequisite(name=NETWORKS, reason="the engine keeps its networks in a virtual machine")
    elsewhere = (await engine.info()).elsewhere
    return MissingPrerequisite(name=NETWORKS, reason=elsewhere) if elsewhere else None
