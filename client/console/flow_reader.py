"""Reads the front end's stream of sampled requests and counters, and reconnects when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import aiohttp
import msgspec

from server.api.flow import Counters, FlowRecord
from vmhost.base.logs import get_logger
from vmhost.base.sse import Event, read_events

_CONNECT_S = 3.0
_SILENCE_S = 30.0
_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 2.0
_LINE_BYTES_MAX = 16 * 1024 * 1024
_log = get_logger("console")


class FlowListener(Protocol):
    """Receives what the stream carries."""

    def on_request(self, record: FlowRecord) -> None:
        """Handle a sampled request that has been answered."""

    def on_counters(self, counters: Counters) -> None:
        """Handle the counters, which come once a second."""


async def follow_flow(url: str, listener: FlowListener, on_reachable: Callable[[bool], None]) -> None:
    """Pass everything to the listener until cancelled, and whether the front end is reachable to `on_reachable`."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    pause = _PAUSE_FIRST_S
    async with aiohttp.ClientSession(timeout=timeout, read_bufsize=_LINE_BYTES_MAX) as session:
        while True:
            try:
                async with session.get(f"{url}/flow", headers={"Accept": "text/event-stream"}) as response:
                    response.raise_for_status()
                    async for event in read_events(response.content):
                        pause = _PAUSE_FIRST_S
                        on_reachable(True)
                        _dispatch(event, listener)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.debug("flow_stream_broken", error=str(error))
            on_reachable(False)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)


def _dispatch(event: Event, listener: FlowListener) -> None:
    match event.kind:
        case "snapshot":
            for record in event.data["recent"]:
                listener.on_request(FlowRecord.from_json(record))
            listener.on_counters(msgspec.convert(event.data["counters"], Counters))
        case "request":
            listener.on_request(FlowRecord.from_json(event.data))
        case "counters":
            listener.on_counters(msgspec.convert(event.data, Counters))
