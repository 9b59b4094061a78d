"""A server that responds at once, except for one second in five, in which it does nothing.

`python -m bench.stalling_server READY STALLS`: writes its port to READY, and the times of its stalls (epoch seconds) to
STALLS when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

PERIOD_S, STALL_S = 5.0, 1.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RespondAtOnce(asyncio.Protocol):
    """One connection; each read is one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_ANSWER)


async def serve(ready: Path, stalls_file: Path) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(RespondAtOnce, "127.0.0.1", 0)
    ready.write_text(str(server.sockets[0].getsockname()[1]))
    stalls: list[tuple[float, float]] = []
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PERIOD_S - STALL_S)
            continue
        started = time.time()
        # This blocks the whole event loop, which is the stall.
        time.sleep(STALL_S)  # noqa: ASYNC251
        stalls.append((started, time.time()))
    stalls_file.write_text(json.dumps(stalls))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
