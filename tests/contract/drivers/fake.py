"""The fake driver under the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fake_programs import FAILS, RUNS, fake_driver
from harness import Harness

from vmhost.drivers.fake import FakeWorld


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """A world of its own."""
    world = FakeWorld()
    yield Harness(make=lambda: fake_driver(world), boot=RUNS, failing_boot=FAILS, survives=True, uses_cpu=False)
