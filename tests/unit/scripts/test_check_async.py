"""scripts/check-async finds tasks without an owner and time that is not injected."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[3] / "scripts" / "check-async"
    loader = importlib.machinery.SourceFileLoader("check_async", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("asyncio.create_task(work())", ["asyncio.create_task"]),
        ("asyncio.ensure_future(work())", ["asyncio.ensure_future"]),
        ("await asyncio.sleep(1)\ntime.sleep(0.1)", ["asyncio.sleep", "time.sleep"]),
        ("clock = time.monotonic", ["time.monotonic"]),
        ("from time import time_ns", ["time.time_ns"]),
        ("await asyncio.sleep(0)", []),
        ("group.create_task(work())", []),
        ("await self._clock.sleep(1)", []),
    ],
)
def test_uses_are_found(script: ModuleType, source: str, found: list[str]) -> None:
    assert sorted(use for _, use in script.uses(source)) == found
