from __future__ import annotations

import asyncio

import pytest

from vmhost.base.clock import SystemClock
from vmhost.base.errors import DeadlineExceeded
from vmhost.control.deadline import deadline


async def test_expired_deadline_names_its_subject() -> None:
    with pytest.raises(DeadlineExceeded, match=r"baking did not end within 0.01 s"):
        async with deadline(SystemClock(), 0.01, "baking"):
            await asyncio.Event().wait()


async def test_inner_timeout_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        async with deadline(SystemClock(), 5, "baking"):
            raise TimeoutError("inner")
