"""The container driver under the contract, laying rules itself where it may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from engine_world import IMAGE, world
from harness import Harness

from vmhost.model.image import Boot

MARKS = (pytest.mark.engine,)


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """A cloud of its own; nothing of it may be left at the end."""
    async with world("contract", state) as one:
        yield Harness(
            make=one.driver,
            boot=Boot(image=IMAGE, command=("sleep", "600")),
            # Longer than a boot takes: a program that ends while it boots makes the boot fail.
            failing_boot=Boot(image=IMAGE, command=("sh", "-c", "sleep 1.2; exit 3")),
            survives=True,
        )
