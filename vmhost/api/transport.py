"""Signed requests to one cloud, each under a deadline; failures become the errors that they were on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from vmhost.api.access import Access
from vmhost.api.query import Element, Value, error_of_json, error_of_xml, form, parse_xml
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import DeadlineExceeded, InvalidInput, Unavailable
from vmhost.base.sigv4 import Unsigned, sign

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_CHUNK_BYTES_MAX = 64 * 1024 * 1024


class Transport:
    """One session to one cloud. Use it as a context, in the loop that it was made in."""

    def __init__(
        self, access: Access, *, clock: Clock | None = None, timeout_s: float = 30.0, agent: str = "glasscloud"
    ) -> None:
        parts = urlsplit(access.endpoint)
        if parts.scheme != "http" or not parts.netloc:
            raise InvalidInput(f"endpoint {access.endpoint!r} is no http URL; expected such as http://127.0.0.1:4566")
        self._access = access
        self._base = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._clock = clock or SystemClock()
        self._timeout_s = timeout_s
        self._agent = agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        connector = aiohttp.TCPConnector(limit=32)
        # No environment proxies, cookies or redirects: the signature is for this one address.
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def action(self, name: str, params: Mapping[str, Value]) -> Element:
        """An EC2 action's answer."""
        status, body = await self._call("POST", "/", form(name, params), _FORM)
        if status != 200:
            raise error_of_xml(status, body)
        return parse_xml(body)

    async def json(self, method: str, path: str, data: Any = None) -> Any:
        """An answer of the platform's own JSON endpoints."""
        body = b"" if data is None else json.dumps(data).encode()
        status, answer = await self._call(method, path, body, "application/json")
        if status != 200:
            raise error_of_json(status, answer)
        try:
            return json.loads(answer)
        except ValueError:
            raise Unavailable(f"{self._base}{path} answered no JSON; is it a glasscloud that answers there?") from None

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, silence_s: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an endless answer; Unavailable when it breaks or is silent for longer than `silence_s`."""
        headers = self._headers("GET", path, b"", None)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=silence_s)
        try:
            async with self._opened().get(self._base + path, headers=headers, timeout=timeout) as response:
                if response.status != 200:
                    raise error_of_json(response.status, await response.read())
                yield _lines(response.content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silent(error) from None

    async def _call(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        headers = self._headers(method, path, body, content_type)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._opened().request(
                    method, self._base + path, data=body or None, headers=headers, allow_redirects=False
                ) as response,
            ):
                return response.status, await response.read()
        except TimeoutError:
            raise DeadlineExceeded(f"the cloud at {self._base} did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._silent(error) from None

    def _headers(self, method: str, path: str, body: bytes, content_type: str | None) -> dict[str, str]:
        headers = {"Host": self._host} | ({"Content-Type": content_type} if content_type and body else {})
        unsigned = Unsigned(method=method, url=path, headers=headers, body=body)
        region, now = self._access.region, self._clock.now()
        signed = sign(unsigned, self._access.credentials, region=region, service="ec2", now=now)
        return headers | signed | {"User-Agent": self._agent}

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Unavailable(f"the client of {self._base} is not open; use it in `async with`")
        return self._session

    def _silent(self, error: Exception) -> Unavailable:
        why = str(error) or type(error).__name__
        return Unavailable(f"the cloud at {self._base} does not answer ({why}); is it up?")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length up to the bound: a snapshot of a large cloud is one line."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _CHUNK_BYTES_MAX:
            raise Unavailable(f"a line of the stream is longer than {_CHUNK_BYTES_MAX} bytes; giving up on it")
        for line in lines:
            yield line
