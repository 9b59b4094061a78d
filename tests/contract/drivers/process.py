"""The process driver under the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness import Harness

from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.model.image import Boot


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """A cloud of its own."""
    context = DriverContext(cloud="contract", state_dir=state)
    yield Harness(
        make=lambda: ProcessDriver(context),
        boot=Boot(command=("sleep", "60")),
        failing_boot=Boot(command=("sh", "-c", "sleep 0.1; exit 3")),
        survives=False,
    )
