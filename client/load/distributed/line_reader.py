"""Reads bounded lines of JSON from a connection, and detects that the other computer has vanished."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

BUFFER_BYTES = 1 << 16
"""The most that is taken from the network before it is read here."""
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
            chunk = await self.chunk()
            if not chunk:
                return b""
            self._held += chunk
        if end > bytes_max:
            raise ValueError(f"a line is longer than {bytes_max} bytes")
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line

    async def message(self, bytes_max: int) -> dict[str, Any]:
        """The next line's object; empty once the connection has ended. Raises ValueError for anything else."""
        line = await self.next(bytes_max)
        data = json.loads(line) if line else {}
        if not isinstance(data, dict):
            raise ValueError("a line is not a JSON object")
        return data

    async def chunk(self) -> bytes:
        """The next bytes, not cut into lines; empty once the connection has ended."""
        try:
            return await self._reader.read(BUFFER_BYTES)
        except OSError:
            # A reset, or the kernel's timeout after the other computer has vanished.
            return b""

    def take_held(self) -> bytes:
        """The bytes that have come and were not read yet."""
        held = bytes(self._held)
        self._held.clear()
        return held


def encode_line(message: dict[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def detect_lost_peer(writer: asyncio.StreamWriter) -> None:
    """Let the system end the connection soon after the other computer has vanished, as far as it can."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if (number := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)
