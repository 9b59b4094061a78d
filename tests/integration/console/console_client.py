"""A client of a running console that behaves like a browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from client.console.request_guard import ConsoleKey
from tests.integration.ec2.ec2_server import Served

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the console answered."""

    status: int
    data: Any

    @property
    def message(self) -> str:
        """The error's sentence."""
        return str(self.data["error"]["message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """A console that serves, and a browser that has not yet shown the token."""

    url: str
    key: ConsoleKey
    served: Served
    browser: aiohttp.ClientSession

    async def unlock(self) -> None:
        """Trades the token for the cookie, as the page does."""
        assert (await self.request("POST", "/api/session", {"token": self.key.token})).status == 200

    async def request(self, method: str, path: str, data: Any = None, **headers: str) -> Response:
        """One request; what is no GET carries JSON."""
        body = None if method == "GET" else json.dumps({} if data is None else data)
        kind = {} if body is None else {"Content-Type": "application/json"}
        async with self.browser.request(method, self.url + path, data=body, headers={**kind, **headers}) as response:
            return Response(status=response.status, data=await response.json())

    async def state(self) -> dict[str, Any]:
        """Return the full state, as a page gets it when it opens."""
        async with self.browser.get(f"{self.url}/api/stream") as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    return dict(json.loads(line[6:]))
        raise AssertionError("the stream ended before it told anything")

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The board once it is so."""
        async with asyncio.timeout(_DEADLINE_S):
            while not holds(state := await self.state()):
                await asyncio.sleep(0.05)
        return state

    async def until_state(self, instance_id: str, wanted: str) -> dict[str, Any]:
        """The instance once it is in the state."""

        def found(state: dict[str, Any]) -> list[dict[str, Any]]:
            return [each for each in state["instances"] if (each["id"], each["state"]) == (instance_id, wanted)]

        return found(await self.until(lambda state: bool(found(state))))[0]
