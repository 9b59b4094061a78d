"""A deadline whose passing is an error in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from vmhost.base.errors import DeadlineExceeded


@contextlib.asynccontextmanager
async def within(seconds: float, subject: str) -> AsyncIterator[None]:
    """Ends what is awaited inside after so long. Raises DeadlineExceeded, which names the subject."""
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            yield
    except TimeoutError:
        if not deadline.expired():
            raise
        raise DeadlineExceeded(f"{subject} did not end within {seconds:g} s") from None
