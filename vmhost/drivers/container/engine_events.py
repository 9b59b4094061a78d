"""Reads the engine's events in a thread and passes them to the event loop. A broken stream is opened again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container.engine import Engine, EventStream

_log = get_logger("driver")
_PAUSE_S = 0.5
_END_DEADLINE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """An event of the engine. A gap means that events may have been lost."""

    action: str
    """start, die, oom, pause, unpause, disconnect or gap."""
    container_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None
    network_id: str = ""
    """The network from which the container was disconnected."""


GAP = EngineEvent(action="gap")


def read_event(event: Mapping[str, Any]) -> EngineEvent:
    """Read an event from the engine's JSON, whose attributes are the container's labels and a few more."""
    action, actor = str(event.get("Action", "")), event.get("Actor") or {}
    subject, attributes = str(actor.get("ID", "")), actor.get("Attributes") or {}
    if event.get("Type") == "network":
        return EngineEvent(action=action, container_id=str(attributes.get("container", "")), network_id=subject)
    code = str(attributes.get("exitCode", ""))
    exit_code = int(code) if code.isdecimal() else None
    return EngineEvent(action=action, container_id=subject, labels=attributes, exit_code=exit_code)


class EngineEventWatcher:
    """Calls `on_event` on the event loop for each event until closed. After a broken stream it starts with a gap."""

    def __init__(self, engine: Engine, on_event: Callable[[EngineEvent], None], *, pause_s: float = _PAUSE_S) -> None:
        self._engine = engine
        self._on_event = on_event
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        self._stream: EventStream | None = None
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)

    async def open(self) -> None:
        """Return once the stream is open: later events are reported. Raises Unavailable."""
        self._opened.set_running_or_notify_cancel()
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _END_DEADLINE_S)

    def _run(self) -> None:
        try:
            self._stream = self._engine.open_events()
        except CloudError as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        if self._closed.is_set():
            self._stream.close()
        while not self._closed.is_set():
            if self._stream is None:
                self._open_again()
                continue
            for event in self._stream:
                self._post(read_event(event))
            self._stream = None

    def _open_again(self) -> None:
        try:
            self._stream = self._engine.open_events()
        except CloudError as error:
            _log.debug("engine_events_interrupted", error=error.message)
            self._closed.wait(self._pause_s)
            return
        if self._closed.is_set():
            self._stream.close()
        self._post(GAP)

    def _post(self, event: EngineEvent) -> None:
        if not self._closed.is_set():
            # The event loop may have been closed meanwhile.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_event, event)
