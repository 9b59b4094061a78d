"""Signed requests to one cloud, each with a deadline. Error responses become the same exceptions as on the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from vmhost.api.access import Access
from vmhost.api.ec2_wire import Element, Value, error_of_json, error_of_xml, form, parse_xml
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import DeadlineExceeded, InvalidInput, Unavailable
from vmhost.base.sigv4 import Unsigned, sign

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_CHUNK_BYTES_MAX = 64 * 1024 * 1024


class Transport:
    """A session with one cloud, an async context manager for one event loop."""

    def __init__(
        self, access: Access, *, clock: Clock | None = None, timeout_s: float = 30.0, agent: str = "glasscloud"
    ) -> None:
        parts = urlsplit(access.endpoint)
        if parts.scheme != "http" or not parts.netloc:
            raise InvalidInput(f"invalid endpoint {access.endpoint!r}; use an http URL such as http://127.0.0.1:4566")
        self._access = access
        self._base = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._clock = clock or SystemClock()
        self._timeout_s = timeout_s
        self._agent = agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        connector = aiohttp.TCPConnector(limit=32)
        # No proxies from the environment, no cookies, no redirects: the signature is for this address.
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def action(self, name: str, params: Mapping[str, Value]) -> Element:
        """Call an EC2 action and return its response."""
        status, body = await self._call("POST", "/", form(name, params), _FORM)
        if status != 200:
            raise error_of_xml(status, body)
        return parse_xml(body)

    async def json(self, method: str, path: str, data: Any = None) -> Any:
        """Call one of the platform's own JSON endpoints and return its response."""
        body = b"" if data is None else msgspec.json.encode(data)
        status, content = await self._call(method, path, body, "application/json")
        if status != 200:
            raise error_of_json(status, content)
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError:
            raise Unavailable(f"the response of {self._base}{path} is not JSON; is it a glasscloud?") from None

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, silence_s: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the lines of an endless response. Raises Unavailable if it breaks or is silent for `silence_s`."""
        headers = self._headers("GET", path, b"", None)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=silence_s)
        try:
            async with self._open_session().get(self._base + path, headers=headers, timeout=timeout) as response:
                if response.status != 200:
                    raise error_of_json(response.status, await response.read())
                yield _lines(response.content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unavailable(error) from None

    async def _call(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        headers = self._headers(method, path, body, content_type)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._open_session().request(
                    method, self._base + path, data=body or None, headers=headers, allow_redirects=False
                ) as response,
            ):
                return response.status, await response.read()
        except TimeoutError:
            raise DeadlineExceeded(f"the cloud at {self._base} did not respond within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._unavailable(error) from None

    def _headers(self, method: str, path: str, body: bytes, content_type: str | None) -> dict[str, str]:
        headers = {"Host": self._host} | ({"Content-Type": content_type} if content_type and body else {})
        unsigned = Unsigned(method=method, url=path, headers=headers, body=body)
        region, now = self._access.region, self._clock.now()
        signed = sign(unsigned, self._access.credentials, region=region, service="ec2", now=now)
        return headers | signed | {"User-Agent": self._agent}

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Unavailable(f"the client of {self._base} is not open; use it with `async with`")
        return self._session

    def _unavailable(self, error: Exception) -> Unavailable:
        why = str(error) or type(error).__name__
        return Unavailable(f"the cloud at {self._base} does not respond ({why}); is it running?")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines up to the size limit: the snapshot of a large cloud is one line."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _CHUNK_BYTES_MAX:
            raise Unavailable(f"a line of the stream is longer than {_CHUNK_BYTES_MAX} bytes")
        for line in lines:
            yield line
