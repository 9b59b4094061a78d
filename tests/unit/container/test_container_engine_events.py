"""The engine's events survive an engine that goes away for a while."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

from vmhost.base.errors import Unavailable
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_events import EngineEvent, EngineEventWatcher


class _Stream:
    """Tells its events; then ends, or stays open until it is closed."""

    def __init__(self, *actions: str, stays: bool = False) -> None:
        self._actions = actions
        self._end = threading.Event()
        if not stays:
            self._end.set()

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for action in self._actions:
            yield {"Action": action}
        self._end.wait(5)

    def close(self) -> None:
        self._end.set()


class _Engine:
    """Opens one stream after the other; None: refuses."""

    def __init__(self, *streams: _Stream | None) -> None:
        self._streams = list(streams)

    def open_events(self) -> _Stream:
        stream = self._streams.pop(0)
        if stream is None:
            raise Unavailable("away")
        return stream


async def test_broken_stream_is_reopened_with_a_gap() -> None:
    events: asyncio.Queue[EngineEvent] = asyncio.Queue()
    engine = _Engine(_Stream("start"), None, _Stream("die", stays=True))
    watch = EngineEventWatcher(cast(Engine, engine), events.put_nowait, pause_s=0.01)
    await watch.open()
    async with asyncio.timeout(3):
        assert [(await events.get()).action for _ in range(3)] == ["start", "gap", "die"]
    await watch.close()
    assert events.empty()
