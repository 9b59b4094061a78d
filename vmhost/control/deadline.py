"""A time limit whose expiry raises DeadlineExceeded with a message."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from vmhost.base.errors import DeadlineExceeded


@contextlib.asynccontextmanager
async def deadline(seconds: float, subject: str) -> AsyncIterator[None]:
    """Cancel the body after `seconds` and raise DeadlineExceeded, which names the subject."""
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise DeadlineExceeded(f"{subject} did not end within {seconds:g} s") from None
