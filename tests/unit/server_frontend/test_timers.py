"""Timers: each fires once, in order, unless it is cancelled."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.frontend.timers import GRAIN_S, Timers


async def fired(*delays_s: float, cancelled: float | None = None) -> list[float]:
    """Set all timers at once; returns the delays of those that fire, in order."""
    order: list[float] = []
    done = asyncio.Event()
    timers = Timers(asyncio.get_running_loop(), time.monotonic)
    start = time.monotonic()

    def fire(delay_s: float) -> None:
        assert time.monotonic() >= start + delay_s - 2 * GRAIN_S
        order.append(delay_s)

    for delay_s in delays_s:
        timer = timers.call_at(start + delay_s, lambda delay_s=delay_s: fire(delay_s))  # type: ignore[misc]
        if delay_s == cancelled:
            timer.cancel()
    timers.call_at(start + max(delays_s) + 0.01, done.set)
    async with asyncio.timeout(5):
        await done.wait()
    return order


async def test_timers_fire_in_order() -> None:
    assert await fired(0.03, 0.01, 0.02, -1.0) == [-1.0, 0.01, 0.02, 0.03]


@pytest.mark.parametrize("cancelled", [0.01, 0.02])
async def test_cancelled_timer_does_not_fire(cancelled: float) -> None:
    assert await fired(0.01, 0.02, cancelled=cancelled) == [each for each in (0.01, 0.02) if each != cancelled]


async def test_failing_callback_does_not_stop_others() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    timers = Timers(loop, time.monotonic)
    done = asyncio.Event()
    timers.call_at(0.0, lambda: int("no"))
    timers.call_at(0.0, done.set)
    async with asyncio.timeout(5):
        await done.wait()
