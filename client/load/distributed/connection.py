"""A connection between a coordinator and a worker: its address, its bounded lines, and how a lost peer is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from vmhost.base.errors import InvalidInput

T = TypeVar("T")

BUFFER_BYTES = 1 << 16
"""The most that one read returns; asyncio buffers up to about twice as much."""
_KEEPALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}
"""A computer that has vanished without notice is detected within five seconds, also while no side sends."""


class LineReader:
    """Reads what comes in line by line; the caller sets the longest line."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._held = bytearray()

    async def next(self, bytes_max: int) -> bytes:
        """The next line without its end; empty once the connection has ended. Raises ValueError for a longer one."""
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            if searched > bytes_max:
                raise ValueError(f"a line is longer than {bytes_max} bytes")
            # An error is a reset, or the kernel's timeout after the other computer has vanished.
            with contextlib.suppress(OSError):
                if chunk := await self._reader.read(BUFFER_BYTES):
                    self._held += chunk
                    continue
            return b""
        if end > bytes_max:
            raise ValueError(f"a line is longer than {bytes_max} bytes")
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line

    async def message(self, bytes_max: int, kind: type[T]) -> T | None:
        """The next line's message; None once the connection has ended. Raises ValueError for anything else."""
        line = await self.next(bytes_max)
        return msgspec.json.decode(line, type=kind) if line else None


def detect_lost_peer(writer: asyncio.StreamWriter) -> None:
    """Let the system end the connection soon after the other computer has vanished, as far as it can."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if (number := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a TCP port on it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, default_host: str | None = None) -> Address:
    """Parse "host:7077" or "[::1]:7077"; with a default host also ":7077" and "7077". Raises InvalidInput."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or default_host or ""
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise InvalidInput(f"address {text!r} is not understood; write HOST:PORT, such as 127.0.0.1:7077")
    return Address(host=host, port=int(port))
