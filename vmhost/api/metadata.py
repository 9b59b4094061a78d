"""What a guest can ask about itself: a client of the instance metadata service (IMDSv2), for programs in instances."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from vmhost.base.errors import NotFound, Unavailable

ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
"""Environment variable, as the AWS SDKs read it: where the service is, if not at its usual address."""
DEFAULT_ENDPOINT = "http://169.254.169.254"

_TOKEN_TTL_S = 21600


class GuestMetadata:
    """The instance metadata of the guest that this program runs in.

    Each call opens and closes its own connection; the token is kept and renewed when it is refused. Every call
    raises Unavailable when the service does not answer within `deadline_s`."""

    def __init__(
        self, endpoint: str | None = None, *, deadline_s: float = 5.0, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._endpoint = (endpoint or environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT).rstrip("/")
        self._deadline_s = deadline_s
        self._token: str | None = None

    async def get(self, path: str) -> str:
        """One value under `meta-data/`, such as "instance-id". Raises NotFound when the instance has none."""
        value = await self._read(f"latest/meta-data/{path}")
        if value is None:
            raise NotFound(f"metadata {path} does not exist for this instance; expected a path under meta-data/")
        return value.decode()

    async def user_data(self) -> bytes:
        """The user data that the instance was launched with, byte for byte; empty when there was none."""
        return await self._read("latest/user-data") or b""

    async def tags(self) -> dict[str, str]:
        """The instance's tags."""
        listing = await self._read("latest/meta-data/tags/instance/")
        keys = listing.decode().splitlines() if listing else []
        return {key: await self.get(f"tags/instance/{quote(key, safe='')}") for key in keys}

    async def _read(self, path: str) -> bytes | None:
        try:
            async with asyncio.timeout(self._deadline_s), aiohttp.ClientSession() as session:
                return await self._ask(session, path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"the instance metadata service at {self._endpoint} does not answer ({type(error).__name__}); "
                f"expected it there, or its address in {ENDPOINT_VARIABLE}"
            ) from error

    async def _ask(self, session: aiohttp.ClientSession, path: str) -> bytes | None:
        for fresh in (False, True):
            token = await self._authorized(session, fresh=fresh)
            async with session.get(f"{self._endpoint}/{path}", headers={"X-aws-ec2-metadata-token": token}) as answer:
                if answer.status == 401 and not fresh:
                    continue
                if answer.status == 404:
                    return None
                answer.raise_for_status()
                return await answer.read()
        raise AssertionError("a fresh token gets an answer or an error")

    async def _authorized(self, session: aiohttp.ClientSession, *, fresh: bool) -> str:
        if self._token is None or fresh:
            wish = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_TTL_S)}
            async with session.put(f"{self._endpoint}/latest/api/token", headers=wish) as answer:
                answer.raise_for_status()
                self._token = await answer.text()
        return self._token
