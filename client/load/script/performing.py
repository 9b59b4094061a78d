"""Running flows: each within its time, each counted once, whatever its script does."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from client.load.plan.words import Plan
from client.load.schedule import NS_PER_S
from client.load.script.faults import fault_of
from client.load.script.flow import Flow
from client.load.script.loading import Script, told
from client.load.script.steps import Steps
from client.load.script.user import User
from client.load.summary import COUNTED_BY_AGE, Fault
from client.load.tally import GOOD

_LET_GO_S = 1.0
"""So long a script may take to end once it was cancelled."""
_NS_PER_US = 1000
_HEADERS = {"User-Agent": "glasscloud-load"}


class Performer:
    """Runs the flows of one process, inside `async with`. `running` are those that have room and are not counted."""

    def __init__(
        self, plan: Plan, script: Script, shared: object, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.running: set[Flow] = set()
        self.steps = Steps()
        self._plan = plan
        self._script = script
        self._shared = shared
        self._now_ns = clock_ns
        self._trace_bits = random.Random().getrandbits if plan.traced else None
        self._open = plan.open is not None
        self._connector: aiohttp.TCPConnector

    async def __aenter__(self) -> Performer:
        # How many connections there are follows from how many flows run. A name is looked up once, not during the run.
        self._connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=None, ssl=not self._plan.insecure)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connector.close()

    @asynccontextmanager
    async def user(self) -> AsyncIterator[User]:
        """A new user without any cookie. Users share connections, as the arrivals of other plans do."""
        # A jar keeps no cookies of bare addresses unless told; a server under load often has nothing else.
        async with aiohttp.ClientSession(
            connector=self._connector, connector_owner=False, cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers=_HEADERS, timeout=aiohttp.ClientTimeout(total=None),
        ) as session:  # fmt: skip
            yield User(
                session, self.steps, base=self._plan.base or "", seed=self._plan.seed, shared=self._shared,
                trace_bits=self._trace_bits, clock_ns=self._now_ns,
            )  # fmt: skip

    async def perform(self, flow: Flow, user: User) -> str:
        """Runs the flow until it ends, its timeout (from its due time) or its task's cancelling, and counts it.

        Its fault; empty for a good one."""
        self._begin(flow)
        user.begin(flow)
        left_s = self._plan.timeout_s - (flow.began_ns - flow.due_ns) / NS_PER_S
        fault: str = GOOD
        try:
            async with asyncio.timeout(left_s):
                await self._script.flow(user)
        except asyncio.CancelledError as error:
            # A script may cancel itself too, by a task of its own that it awaits.
            fault = Fault.UNFINISHED if flow.given_up else self._own_fault(flow, error)
        except (Exception, SystemExit) as error:
            fault = self._own_fault(flow, error)
        # A flow that ran out of time stays in the response time, whatever went wrong before.
        fault = fault if fault in COUNTED_BY_AGE else flow.fault or fault
        self.count(flow, fault)
        return fault

    def count(self, flow: Flow, fault: str) -> None:
        """The flow has ended so."""
        if flow.over:
            return
        flow.over = True
        self.running.discard(flow)
        now_ns = self._now_ns()
        status = 0 if fault in COUNTED_BY_AGE else flow.status
        service_us = (now_ns - flow.began_ns) // _NS_PER_US if flow.began_ns else 0
        flow.tally.ended(
            (0, status, fault), (now_ns - flow.due_ns) // _NS_PER_US, service_us if self._open else None
        )  # fmt: skip

    async def give_up(self, tasks: set[asyncio.Task[None]]) -> None:
        """Cancels all that is under way and counts it with the age it has; also what does not let go."""
        for flow in self.running:
            flow.given_up = True
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LET_GO_S)
        for flow in tuple(self.running):
            self.count(flow, Fault.UNFINISHED)

    def _begin(self, flow: Flow) -> None:
        flow.began_ns = now_ns = self._now_ns()
        if self._open:
            ours_ns = flow.taken_ns - flow.due_ns + now_ns - flow.seated_ns
            flow.tally.sent(ours_ns // _NS_PER_US, (flow.seated_ns - flow.taken_ns) // _NS_PER_US)
        else:
            flow.tally.started += 1

    def _own_fault(self, flow: Flow, error: BaseException) -> Fault:
        fault = fault_of(error)
        if fault in {Fault.WRONG, Fault.SCRIPT}:
            flow.tally.said(told(error, self._script.path))
        return fault
