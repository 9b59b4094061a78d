"""Asking a running console to share, from another program that has its key."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from client.console.keys import Key
from vmhost.base.errors import InvalidInput, Unavailable

_DEADLINE_S = 10.0


class Console:
    """One console; make it with `console_at`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def share(self, method: str = "GET", order: dict[str, Any] | None = None) -> dict[str, Any]:
        """Looks (GET), begins (POST {address, port, name}) or ends (DELETE) sharing; what the console answers.

        Raises InvalidInput with the console's words for what it refuses, Unavailable when it does not answer."""
        try:
            async with self._session.request(method, f"{self._url}/api/share", json=order or {}) as answer:
                told: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(f"the console at {self._url} does not answer ({error}); is the cloud still up?") from None
        if answer.status >= 400:
            raise InvalidInput(told["error"]["message"])
        return told


@contextlib.asynccontextmanager
async def console_at(url: str, key: Key) -> AsyncIterator[Console]:
    """The console at that URL, for whoever has its key, while the block lasts."""
    cookie = f"glasscloud-{urlsplit(url).port or 80}={key.cookie}"
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Cookie": cookie}) as session:
        yield Console(session, url)
