"""A guest's console: what its programs print, kept in two small files of limited size."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

CONSOLE_BYTES = 64 * 1024

_CHUNK_BYTES = 64 * 1024
_PAUSE_S = 0.01
"""Pause after each full chunk, so that a guest that floods its console is slowed down instead of the platform."""


class Console:
    """Keeps the console in a folder: the file `console` and the previous one."""

    def __init__(self, folder: Path) -> None:
        self._now = folder / "console"
        self._before = folder / "console.1"

    def append(self, text: bytes) -> None:
        """Add what was printed. A full file replaces the previous one."""
        with self._now.open("ab") as file:
            file.write(text)
            full = file.tell() >= CONSOLE_BYTES
        if full:
            self._now.replace(self._before)

    def tail(self) -> str:
        """Return the last 64 KiB."""
        text = b"".join(path.read_bytes() for path in (self._before, self._now) if path.exists())
        return text[-CONSOLE_BYTES:].decode(errors="replace")

    async def pump(self, fd: int) -> None:
        """Copy from the pipe until its last writer has closed it; then close it."""
        reader, transport = await open_pipe(fd, limit=_CHUNK_BYTES)
        try:
            while text := await reader.read(_CHUNK_BYTES):
                with contextlib.suppress(OSError):  # on a full disk the text is lost, but the guest goes on
                    self.append(text)
                if len(text) == _CHUNK_BYTES:
                    await asyncio.sleep(_PAUSE_S)
        finally:
            transport.close()


async def open_pipe(fd: int, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    """Return a reader of the pipe. Closing the transport closes the pipe."""
    reader = asyncio.StreamReader(limit=limit)
    pipe = os.fdopen(fd, "rb", buffering=0)
    try:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    except BaseException:
        pipe.close()
        raise
    return reader, transport
