"""A client of the instance metadata service (IMDSv2), for programs inside instances."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from vmhost.base.errors import NotFound, Unavailable

ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
"""Environment variable of the AWS SDKs: address of the service, if not the usual one."""
DEFAULT_ENDPOINT = "http://169.254.169.254"

_TOKEN_TTL_S = 21600


class GuestMetadata:
    """The metadata of the instance in which this program runs.

    Each call opens its own connection; the token is kept and renewed when it has expired. Every call raises Unavailable
    if the service does not respond within `deadline_s`."""

    def __init__(
        self, endpoint: str | None = None, *, deadline_s: float = 5.0, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._endpoint = (endpoint or environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT).rstrip("/")
        self._deadline_s = deadline_s
        self._token: str | None = None

    async def get(self, path: str) -> str:
        """Return a value under `meta-data/`, such as "instance-id". Raises NotFound if the instance has none."""
        value = await self._read(f"latest/meta-data/{path}")
        if value is None:
            raise NotFound(f"this instance has no metadata {path}")
        return value.decode()

    async def user_data(self) -> bytes:
        """Return the instance's user data; empty without any."""
        return await self._read("latest/user-data") or b""

    async def tags(self) -> dict[str, str]:
        """Return the instance's tags."""
        listing = await self._read("latest/meta-data/tags/instance/")
        keys = listing.decode().splitlines() if listing else []
        return {key: await self.get(f"tags/instance/{quote(key, safe='')}") for key in keys}

    async def _read(self, path: str) -> bytes | None:
        try:
            async with asyncio.timeout(self._deadline_s), aiohttp.ClientSession() as session:
                return await self._get(session, path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"the instance metadata service at {self._endpoint} does not respond ({type(error).__name__}); "
                f"set {ENDPOINT_VARIABLE} if it has another address"
            ) from error

    async def _get(self, session: aiohttp.ClientSession, path: str) -> bytes | None:
        for fresh in (False, True):
            token = await self._authorized(session, fresh=fresh)
            async with session.get(f"{self._endpoint}/{path}", headers={"X-aws-ec2-metadata-token": token}) as response:
                if response.status == 401 and not fresh:
                    continue
                if response.status == 404:
                    return None
                response.raise_for_status()
                return await response.read()
        raise AssertionError("a new token gets a response or an error")

    async def _authorized(self, session: aiohttp.ClientSession, *, fresh: bool) -> str:
        if self._token is None or fresh:
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_TTL_S)}
            async with session.put(f"{self._endpoint}/latest/api/token", headers=headers) as response:
                response.raise_for_status()
                self._token = await response.text()
        return self._token
