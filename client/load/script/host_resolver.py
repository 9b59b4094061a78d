"""Looking up the hosts that a script asks for, with the addresses that its plan gives."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from client.load.plan.urls import parse_resolve


class PlanResolver(AbstractResolver):
    """The plan's addresses for a host and port; for all others those that the system knows."""

    def __init__(self, resolve: Sequence[str]) -> None:
        self._resolved = parse_resolve(resolve)
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        addresses = self._resolved.get((host, port))
        if addresses is None:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Has nothing to let go."""
