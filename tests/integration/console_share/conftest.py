"""A console with an audience, on loopback."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from share_console import Stand, stand


@pytest_asyncio.fixture
async def console() -> AsyncIterator[Stand]:
    async with stand() as one:
        yield one
