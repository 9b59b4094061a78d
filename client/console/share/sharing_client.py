"""Controls sharing on a running console, from another program that has its key."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from client.console.request_guard import ConsoleKey
from vmhost.base.errors import InvalidInput, Unavailable

_DEADLINE_S = 10.0


class SharingClient:
    """A client of one console; open it with `sharing_client`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def share(self, method: str = "GET", body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show (GET), start (POST {address, port, name}) or stop (DELETE) sharing; return the console's response.

        Raises InvalidInput with the console's message for what it refuses, Unavailable if it does not answer."""
        try:
            async with self._session.request(method, f"{self._url}/api/share", json=body or {}) as response:
                data: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(
                f"the console at {self._url} does not respond ({error}); is the cloud still up?"
            ) from None
        if response.status >= 400:
            raise InvalidInput(data["error"]["message"])
        return data


@contextlib.asynccontextmanager
async def sharing_client(url: str, key: ConsoleKey) -> AsyncIterator[SharingClient]:
    """Open a client of the console at that URL."""
    cookie = f"glasscloud-{urlsplit(url).port or 80}={key.cookie}"
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Cookie": cookie}) as session:
        yield SharingClient(session, url)
