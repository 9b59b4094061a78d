"""What the contract suite needs to know of a driver under test. Each file in drivers/ gives one by `harness(state)`."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from vmhost.drivers.ports import Driver
from vmhost.model.guest import GuestEvent, GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

LIMITS = Limits(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=0.5,
    cpu_weight=50,
    memory_mib=256,
    pids=256,
    disk_gib=1,
    network_mbps=1000,
)

_PREFIX = "contract_driver_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """One driver under test, in a world of its own."""

    make: Callable[[], Driver]
    """A new driver object on the same world, not open: what a restart of the control plane makes."""
    boot: Boot
    """A program that runs until it is ended."""
    failing_boot: Boot
    """A program that ends by itself with exit code 3 within half a second."""
    survives: bool
    """Whether guests run on after close(remove=False)."""
    uses_cpu: bool = True
    """Whether its guests really run."""
    host_id: str = "host-a"
    """The host of its guests."""
    limits: Limits = field(default=LIMITS)

    def spec(self, instance_id: str, boot: Boot | None = None, host_id: str | None = None) -> GuestSpec:
        """A guest of this driver."""
        return GuestSpec(
            instance_id=instance_id, host_id=host_id or self.host_id, boot=boot or self.boot, limits=self.limits
        )


MakeHarness = Callable[[Path], AbstractAsyncContextManager[Harness]]


def driver_modules() -> Sequence[ModuleType]:
    """Every file in drivers/: it defines `harness(state)`, and MARKS where the driver needs something."""
    folder = Path(__file__).parent / "drivers"
    return [_load(path) for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


def driver_params() -> list[object]:
    """One parameter for each driver, with its marks."""
    return [
        pytest.param(module.harness, id=module.__name__.removeprefix(_PREFIX), marks=getattr(module, "MARKS", ()))
        for module in driver_modules()
    ]


def _load(path: Path) -> ModuleType:
    name = _PREFIX + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Listener:
    """Collects a driver's events and waits for those that a test expects."""

    def __init__(self, events: AsyncIterator[GuestEvent]) -> None:
        self.seen: list[GuestEvent] = []
        self.ended = asyncio.Event()
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen(events))

    async def until(self, wanted: Callable[[GuestEvent], bool], *, within_s: float = 1.0) -> GuestEvent:
        """The first event that is wanted, seen within the time."""
        async with asyncio.timeout(within_s):
            while True:
                for event in self.seen:
                    if wanted(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        """Stops listening."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _listen(self, events: AsyncIterator[GuestEvent]) -> None:
        async for event in events:
            self.seen.append(event)
            self._news.set()
        self.ended.set()
