"""Whether containers could run here now, asked before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

from vmhost.base.engines import find_engines
from vmhost.base.errors import CloudError
from vmhost.drivers.container.engine import Engine


async def lacks(reference: str) -> str:
    """What is missing to boot the container image: an engine that answers, or the image in it; empty when nothing."""
    candidates = find_engines(os.environ, Path.home())
    if not candidates:
        return "no Docker engine found"
    try:
        engine = await Engine.connect(candidates)
    except CloudError:
        return "no Docker engine answers"
    try:
        return "" if await engine.has_image(reference) else f"the Docker engine has no image {reference} yet"
    except CloudError:
        return "the Docker engine answers with errors"
    finally:
        await engine.close()
