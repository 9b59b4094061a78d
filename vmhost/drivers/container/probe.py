"""Whether containers can be had here at all, asked before a driver is chosen: nothing is made or changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from vmhost.base.engines import find_engines
from vmhost.base.errors import CloudError, NotFound
from vmhost.drivers.container.engine import Engine
from vmhost.model.lack import Lack, Missing

_DEADLINE_S = 5.0


async def lacks(reference: str, environment: Mapping[str, str] | None = None) -> Lack | None:
    """What the engine lacks to boot this image now; None when nothing."""
    candidates = find_engines(os.environ if environment is None else environment, Path.home())
    if not candidates:
        return Lack(missing=Missing.ENGINE, words="no Docker engine found")
    try:
        async with asyncio.timeout(_DEADLINE_S):
            engine = await Engine.connect(candidates)
            try:
                return await _image_lacks(engine, reference)
            finally:
                await engine.close()
    except TimeoutError:
        return Lack(missing=Missing.ENGINE, words="the Docker engine does not answer")
    except CloudError as error:
        return Lack(missing=Missing.ENGINE, words=error.message)


async def _image_lacks(engine: Engine, reference: str) -> Lack | None:
    try:
        await engine.find_image(reference)
    except NotFound:
        return Lack(missing=Missing.IMAGE, words=f"the image {reference} is not built")
    if not Path("/sys/class/net").exists():
        return Lack(missing=Missing.NETWORKS, words="the engine keeps its networks in a virtual machine")
    elsewhere = (await engine.info()).elsewhere
    return Lack(missing=Missing.NETWORKS, words=elsewhere) if elsewhere else None
