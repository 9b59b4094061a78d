"""Following the front end's flow: samples and counts as they come, patiently while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import aiohttp

from server.api.flow import Counters, FlowRecord
from vmhost.base.logs import get_logger
from vmhost.base.sse import Event, read_events

_CONNECT_S = 3.0
_SILENCE_S = 30.0
_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 2.0
_LINE_BYTES_MAX = 16 * 1024 * 1024
_log = get_logger("console")


class Listener(Protocol):
    """Who is told."""

    def on_request(self, record: FlowRecord) -> None:
        """A sampled request has been answered."""

    def on_counters(self, counters: Counters) -> None:
        """A second has passed at the front end."""


async def follow_flow(url: str, listener: Listener, answers: Callable[[bool], None]) -> None:
    """Tells the listener of everything until cancelled; `answers` hears whether the front end is there."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    pause = _PAUSE_FIRST_S
    async with aiohttp.ClientSession(timeout=timeout, read_bufsize=_LINE_BYTES_MAX) as session:
        while True:
            try:
                async with session.get(f"{url}/flow", headers={"Accept": "text/event-stream"}) as answer:
                    answer.raise_for_status()
                    async for event in read_events(answer.content):
                        pause = _PAUSE_FIRST_S
                        answers(True)
                        _tell(event, listener)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.debug("flow_broke", error=str(error))
            answers(False)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)


def _tell(event: Event, listener: Listener) -> None:
    match event.kind:
        case "snapshot":
            for record in event.data["recent"]:
                listener.on_request(FlowRecord.from_json(record))
            listener.on_counters(Counters.from_json(event.data["counters"]))
        case "request":
            listener.on_request(FlowRecord.from_json(event.data))
        case "counters":
            listener.on_counters(Counters.from_json(event.data))
