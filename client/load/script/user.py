"""Who runs a flow: a person with cookies of its own, whose requests are timed as steps."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property, partialmethod
from typing import Any, TypeVar

import aiohttp

from client.load.script.flow import Flow, StepExchange
from client.load.script.step_recorder import StepRecorder

T = TypeVar("T")


class User:
    """What a script's `flow` is given: a new user for each arrival of an open loop, the same one round after round in a
    closed loop. `shared` is what the script's `setup` gave, `number` that of the arrival or round."""

    def __init__(
        self, session: aiohttp.ClientSession, steps: StepRecorder, *, base: str, seed: int, shared: Any,
        started: bool, trace_bits: Callable[[int], int] | None, clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self.shared = shared
        self.cookies = session.cookie_jar
        self._session = session
        self._steps = steps
        self._base = base.rstrip("/")
        self._seed = seed
        self._trace_bits = trace_bits
        self._now_ns = clock_ns
        self._flow: Flow
        self.started = started
        """Whether the script's `on_start` has run for this user, or need not."""

    def begin(self, flow: Flow) -> None:
        """The generator's call before each flow: what follows is counted there."""
        self._flow = flow
        self.__dict__.pop("random", None)

    def quiet(self) -> None:
        """The generator's call after the last flow: what follows is not counted."""
        self._flow.over = True

    @property
    def number(self) -> int:
        """The number of this arrival or round in the whole run."""
        return self._flow.number

    @cached_property
    def random(self) -> random.Random:
        """A source of chance that gives this arrival the same in every run with the same seed."""
        return random.Random(f"script {self._seed} {self._flow.number}")

    def draw(self, values: Sequence[T]) -> T:
        """One of the values, the same in every run with the same seed."""
        return self.random.choice(values)

    def check(self, holds: object, message: str = "") -> None:
        """Ends the flow as a wrong answer unless it holds. Raises AssertionError."""
        if not holds:
            raise AssertionError(message)

    async def request(
        self, method: str, url: str, *, name: str = "", expect: int | Collection[int] = (),
        headers: Mapping[str, str] | None = None, **settings: Any,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """One step: sends, follows redirects, reads the whole body, and gives aiohttp's answer.

        A path is put after the run's base. The step is named `name`, or by method and path. An answer of 400 and above,
        or one that is not among the statuses in `expect`, is given too, but fails the step and its flow. `settings` are
        aiohttp's: params, data, json, allow_redirects … Raises what aiohttp raises, and ends in time with its flow."""
        name = name or f"{method} {url.partition('?')[0]}"
        sent, trace_id = dict(headers or ()), ""
        if self._trace_bits is not None:
            trace_id = f"{self._trace_bits(128):032x}"
            sent["traceparent"] = f"00-{trace_id}-{self._trace_bits(64):016x}-00"
        whole = url if "://" in url else f"{self._base}/{url.lstrip('/')}"
        exchange = StepExchange(method, whole, sent, settings, self.cookies)
        flow, sent_ns = self._flow, self._now_ns()
        try:
            answer = await self._session.request(method, whole, headers=sent, **settings)
            exchange.body = await answer.read()
        except BaseException as error:
            self._steps.failed(flow, name, exchange, error, self._now_ns() - sent_ns)
            raise
        took_ns = self._now_ns() - sent_ns
        exchange.answer = answer
        statuses = (expect,) if isinstance(expect, int) else expect
        self._steps.answered(flow, name, exchange, trace_id, took_ns, statuses)
        return answer

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Times the block as a step of that name: for clients of the script's own.

        An exception that leaves the block fails the step, and goes on to fail the flow."""
        flow, began_ns = self._flow, self._now_ns()
        try:
            yield
        except BaseException as error:
            self._steps.failed(flow, name, None, error, self._now_ns() - began_ns)
            raise
        self._steps.passed(flow, name, self._now_ns() - began_ns)

    get = partialmethod(request, "GET")
    # Redirects are not followed unless requested, as aiohttp does it.
    head = partialmethod(request, "HEAD", allow_redirects=False)
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")
