"""The routing driver under the contract: guests of the process driver beside a fake driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness import Harness

from vmhost.drivers.context import DriverContext
from vmhost.drivers.registry import make_driver
from vmhost.model.image import Boot


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """A cloud of its own."""
    context = DriverContext(cloud="contract", state_dir=state, hosts=1)
    yield Harness(
        make=lambda: make_driver(["fake", "process"], context),
        boot=Boot(command=("sleep", "60")),
        failing_boot=Boot(command=("sh", "-c", "sleep 0.1; exit 3")),
        survives=False,
        host_id="process-a",
    )
