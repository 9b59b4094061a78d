"""The routing driver under the contract: guests of the second of two fake drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fake_programs import FAILS, RUNS, fake_driver
from harness import Harness

from vmhost.drivers.fake import FakeWorld
from vmhost.drivers.routing import RoutingDriver


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """Two worlds of its own."""
    worlds = {"first": FakeWorld(), "second": FakeWorld()}
    yield Harness(
        make=lambda: RoutingDriver([fake_driver(world, name=name, hosts=1) for name, world in worlds.items()]),
        boot=RUNS,
        failing_boot=FAILS,
        survives=True,
        uses_cpu=False,
        host_id="second-a",
    )
