"""Whether containers can be had here at all, asked before a driver is chosen: nothing is made or changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from vmhost.base.engines import find_engines
from vmhost.base.errors import CloudError, NotFound
from vmhost.drivers.container.engine import Engine

_DEADLINE_S = 5.0


async def lacks(reference: str, environment: Mapping[str, str] | None = None) -> str:
    """What the engine lacks to boot this image now, in words; empty when nothing."""
    candidates = find_engines(os.environ if environment is None else environment, Path.home())
    if not candidates:
        return "no Docker engine found"
    try:
        async with asyncio.timeout(_DEADLINE_S):
            engine = await Engine.connect(candidates)
            try:
                return await _image_lacks(engine, reference)
            finally:
                await engine.close()
    except TimeoutError:
        return "the Docker engine does not answer"
    except CloudError as error:
        return error.message


async def _image_lacks(engine: Engine, reference: str) -> str:
    try:
        await engine.find_image(reference)
    except NotFound:
        return f"the image {reference} is not built"
    if not Path("/sys/class/net").exists():
        return "the engine keeps its networks in a virtual machine"
    return (await engine.info()).elsewhere
