"""A guest's console: what its programs print, kept in two small files whose size cannot grow without end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

CONSOLE_BYTES = 64 * 1024

_CHUNK_BYTES = 64 * 1024
_PAUSE_S = 0.01
"""After each full chunk: a guest that floods its console waits for it, like for a serial line, and not we for it."""


class Console:
    """The console in a folder: the file `console` and the one before it."""

    def __init__(self, folder: Path) -> None:
        self._now = folder / "console"
        self._before = folder / "console.1"

    def append(self, text: bytes) -> None:
        """Adds what was printed; the older file gives way once the newer one is full."""
        with self._now.open("ab") as file:
            file.write(text)
            full = file.tell() >= CONSOLE_BYTES
        if full:
            self._now.replace(self._before)

    def tail(self) -> str:
        """The last 64 KiB."""
        text = b"".join(path.read_bytes() for path in (self._before, self._now) if path.exists())
        return text[-CONSOLE_BYTES:].decode(errors="replace")

    async def pump(self, fd: int) -> None:
        """Copies from the pipe until its last writer is gone; the pipe is ours to close."""
        reader, transport = await open_pipe(fd, limit=_CHUNK_BYTES)
        try:
            while text := await reader.read(_CHUNK_BYTES):
                with contextlib.suppress(OSError):  # a full disk loses text; it ends no guest
                    self.append(text)
                if len(text) == _CHUNK_BYTES:
                    await asyncio.sleep(_PAUSE_S)
        finally:
            transport.close()


async def open_pipe(fd: int, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    """A reader of the pipe, which it owns: closing the transport closes the pipe."""
    reader = asyncio.StreamReader(limit=limit)
    pipe = os.fdopen(fd, "rb", buffering=0)
    try:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    except BaseException:
        pipe.close()
        raise
    return reader, transport
