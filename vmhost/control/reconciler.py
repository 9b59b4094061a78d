"""The loop of every task that owns a resource: apply requests, measure, decide, act, and check that something changed.

Only the owner acts on its resource. A service records an admitted request and calls `submit`; the owner's own task
applies the request before it measures again. A driver call for the former state is interrupted.

A failure is retried after a back-off. An action that succeeds and changes nothing that can be observed is a failure
too, so no loop runs hot. The loop can be killed at any line: the next one measures and decides again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Internal, Unavailable
from vmhost.base.logs import get_logger
from vmhost.control.deadline import Interrupted, Limited, deadline
from vmhost.control.timeouts import Backoff

Observed = TypeVar("Observed")
Decision = TypeVar("Decision")
Request = TypeVar("Request")

_log = get_logger("reconciler")


class Retry:
    """Counts the failures in a row and delays the next attempt."""

    def __init__(self, clock: Clock, backoff: Backoff, *, immediate: int = 0) -> None:
        """The first `immediate` failures are not followed by a delay."""
        self.failures = 0
        self._clock = clock
        self._backoff = backoff
        self._immediate = immediate
        self._not_before = 0.0

    @property
    def wait_s(self) -> float:
        """Return the time until the next attempt; 0 if it can be made now."""
        return max(0.0, self._not_before - self._clock.monotonic())

    def failed(self) -> None:
        """Count a failure."""
        self.failures += 1
        self._not_before = self._clock.monotonic() + self._backoff.delay_s(self.failures - self._immediate)

    def reset(self) -> None:
        """Forget the failures."""
        self.failures, self._not_before = 0, 0.0

    def now(self) -> None:
        """Allow the next attempt at once, without forgetting the failures."""
        self._not_before = 0.0


class Reconciler(ABC, Generic[Observed, Decision, Request]):
    """The owner of one resource."""

    def __init__(self, resource_id: str, *, clock: Clock, retry: Retry) -> None:
        self.id = resource_id
        self.retry = retry
        self._clock = clock
        self._wake = asyncio.Event()
        self._requests: deque[Request] = deque()
        self._call: Limited | None = None
        self._acted: tuple[Decision, Observed] | None = None
        """The last action that succeeded, and what was observed before it."""

    @abstractmethod
    async def measure(self) -> Observed:
        """Return what is observed of the resource now."""

    @abstractmethod
    def decide(self, observed: Observed) -> Decision | None:
        """Return the next step; None if there is nothing to do."""

    @abstractmethod
    async def act(self, decision: Decision, observed: Observed) -> None:
        """Carry out the step."""

    @abstractmethod
    def is_over(self, observed: Observed) -> bool:
        """Return whether nothing is left of the resource, so that its task ends."""

    def apply(self, request: Request) -> None:
        """Take note of a request that was recorded."""

    def on_progress(self) -> None:
        """Called when an action has changed something, or when there is nothing to do."""
        self.retry.reset()

    def on_failure(self, error: CloudError) -> bool:
        """Called after a failure. Return True if it was handled and needs no back-off."""
        return False

    def explain_no_effect(self, decision: Decision, observed: Observed) -> str:
        """Return the message for a step that succeeded and changed nothing."""
        return f"{decision} changed nothing"

    def look_again_s(self) -> float | None:
        """Return when to measure again if nothing happens; None: only when something happens."""
        return None

    def submit(self, request: Request, *, interrupt: bool) -> None:
        """Let the task apply the request; with `interrupt`, end the call that it waits for."""
        self._requests.append(request)
        if interrupt and self._call is not None:
            self._call.interrupt()
        self._wake.set()

    def wake(self) -> None:
        """Let the task measure again, because something has happened."""
        self._wake.set()

    async def run(self) -> None:
        """Work until nothing is left of the resource."""
        while True:
            self._wake.clear()
            while self._requests:
                self._acted = None
                self.apply(self._requests.popleft())
            try:
                observed = await self.measure()
                if self.is_over(observed):
                    return
                await self._step(observed)
            except Interrupted:
                continue
            except CloudError as error:
                await self._fail(error)
            except Exception as error:
                _log.exception("unexpected_error", id=self.id)
                await self._fail(_as_cloud_error(error))

    @contextlib.asynccontextmanager
    async def limited(self, seconds: float, subject: str) -> AsyncIterator[None]:
        """Limit the time of a call that a request may interrupt."""
        try:
            async with deadline(self._clock, seconds, subject) as self._call:
                yield
        finally:
            self._call = None

    async def _step(self, observed: Observed) -> None:
        decision = self.decide(observed)
        acted, self._acted = self._acted, None
        if decision is not None and acted == (decision, observed):
            raise Unavailable(self.explain_no_effect(decision, observed))
        if decision is None or acted is not None:
            self.on_progress()
        if decision is None:
            await self._wait(self.look_again_s())
        else:
            await self.act(decision, observed)
            self._acted = (decision, observed)

    async def _fail(self, error: CloudError) -> None:
        self._acted = None
        self.retry.failed()
        if not self.on_failure(error):
            wait_s = round(self.retry.wait_s, 3)
            _log.warning(
                "attempt_failed", id=self.id, error=error.message, failures=self.retry.failures, retry_after_s=wait_s
            )
            await self._wait(wait_s)

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something happens, at most this time."""
        timer = None if seconds is None else self._clock.call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()


def _as_cloud_error(error: Exception) -> CloudError:
    """Return an unexpected error as users may see it; the log has the details."""
    if isinstance(error, OSError) and error.errno is not None:
        return Unavailable(f"the operating system reports: {os.strerror(error.errno)}")
    return Internal("internal error; the platform's log has the details")
