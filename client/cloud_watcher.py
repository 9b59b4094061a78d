"""Follow a cloud's events: its state is folded once, here, for everything that shows or acts on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from client.cloud_state import CloudState, fold
from vmhost.api.client import CloudClient
from vmhost.api.views import CloudEvent
from vmhost.base.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudChange:
    """An event, and the state before and after it."""

    event: CloudEvent
    before: CloudState
    after: CloudState


class CloudWatcher:
    """Keeps the cloud's state up to date from the platform's events and waits for conditions on it."""

    def __init__(self, cloud: CloudClient) -> None:
        self.state = CloudState()
        self.listeners: list[Callable[[CloudChange], None]] = []
        """Called with each event after it was folded into the state. They do not raise and do not wait."""
        self.answering: list[Callable[[bool], None]] = []
        """Called with False when the platform stops responding, and with True when it responds again."""
        self._silent = False
        self._cloud = cloud
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Follow the events until cancelled."""
        async for event in self._cloud.events(silent=lambda: self._answers(False)):
            self._answers(True)
            before, self.state = self.state, fold(self.state, event)
            change = CloudChange(event=event, before=before, after=self.state)
            for listener in tuple(self.listeners):
                listener(change)
            async with self._news:
                self._news.notify_all()

    def _answers(self, answers: bool) -> None:
        if answers is self._silent:
            self._silent = not answers
            for listener in tuple(self.answering):
                listener(answers)

    async def until(self, holds: Callable[[CloudState], bool], *, deadline_s: float, what: str) -> CloudState:
        """Return the state as soon as `holds` is true for it. Raises DeadlineExceeded, naming `what`."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                await self._news.wait_for(lambda: holds(self.state))
                return self.state
        except TimeoutError:
            raise DeadlineExceeded(f"{what} did not happen within {deadline_s:.0f} s") from None
