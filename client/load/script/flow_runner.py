"""Runs flows: each within its timeout, each counted once, whatever its script does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from client.load.engine.load_engine import FIRST_RESPONSES
from client.load.engine.tls_settings import tls_context
from client.load.examples import FailureExample
from client.load.generator_limits import ShortageCounter
from client.load.interval_stats import GOOD
from client.load.plan.model import FLOW, Plan
from client.load.plan.urls import parse_resolve
from client.load.schedule import NS_PER_S
from client.load.script.flow import Flow
from client.load.script.script_loader import Script, describe_error, traceback_lines
from client.load.script.step_recorder import StepRecorder, fault_of
from client.load.script.user import User
from client.load.script.watchdog import Watchdog
from client.load.summary import COUNTED_BY_AGE, Fault


class PlanResolver(AbstractResolver):
    """The plan's addresses for a host and port; for all others those that the system knows."""

    def __init__(self, resolve: Sequence[str]) -> None:
        self._resolved = parse_resolve(resolve)
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        addresses = self._resolved.get((host, port))
        if addresses is None:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Has nothing to let go."""


ON_STOP_TIMEOUT_S = 5.0
_NS_PER_MS = 1_000_000
_LOOK_EVERY_S = 0.02
_LET_GO_S = 1.0
"""The time that a script has to end after it was cancelled."""
_NS_PER_US = 1000
_HEADERS = {"User-Agent": "glasscloud-load"}


class FlowRunner:
    """Runs the flows of one process, inside `async with`. `running` are the flows under way.

    Failures that were due before `since_ns` are not kept as examples."""

    def __init__(
        self, plan: Plan, script: Script, shared: object, *, since_ns: int = 0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self.running: set[Flow] = set()
        self.steps = StepRecorder(timeout_s=plan.timeout_s, since_ns=since_ns, clock_ns=clock_ns)
        self.examples = self.steps.examples
        self._messages: set[str] = set()
        self._stopping = 0
        self._plan = plan
        self._script = script
        self._shared = shared
        self._now_ns = clock_ns
        self._trace_bits = random.Random().getrandbits if plan.traced else None
        self._open = plan.open is not None
        self.shortages = ShortageCounter()
        self._first_us: list[int] = []
        self._connector: aiohttp.TCPConnector
        self.watchdog: Watchdog

    async def __aenter__(self) -> FlowRunner:
        # The number of flows limits the number of connections. A name is looked up once, not during the run.
        self._connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=None, ssl=tls_context(self._plan), resolver=PlanResolver(self._plan.resolve)
        )
        self.watchdog = Watchdog(self._script.path)
        self.watchdog.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.watchdog.stop()
        await self._connector.close()

    @property
    def first_service_ms(self) -> float | None:
        """The mean time of the first good flows; None if none was good."""
        return sum(self._first_us) / len(self._first_us) / _NS_PER_US if self._first_us else None

    @asynccontextmanager
    async def user(self) -> AsyncIterator[User]:
        """A new user without any cookie. Users share connections, as the arrivals of other plans do."""
        # Without `unsafe` a jar keeps no cookies of bare IP addresses; a tested server often has no name.
        async with aiohttp.ClientSession(
            connector=self._connector, connector_owner=False, cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers=_HEADERS, timeout=aiohttp.ClientTimeout(total=None),
        ) as session:  # fmt: skip
            yield User(
                session, self.steps, base=self._plan.base or "", seed=self._plan.seed, shared=self._shared,
                started=self._script.on_start is None, trace_bits=self._trace_bits, clock_ns=self._now_ns,
            )  # fmt: skip

    async def run_flow(self, flow: Flow, user: User) -> str:
        """Run the flow until it ends, until its timeout (from its due time) or until it is cancelled, and count it.

        Return its fault; empty for a good flow."""
        self._begin(flow)
        fault = await self._run(flow, user)
        self.count(flow, fault)
        return fault

    async def start(self, flow: Flow, user: User) -> str:
        """Run the script's `on_start` for a user of a closed loop: its steps are counted, its time is in no flow.

        Return its fault; a user that cannot start counts as a flow that failed."""
        flow.uncounted = True
        self.running.add(flow)
        flow.stats.pending += 1
        flow.began_ns = self._now_ns()
        fault = await self._run(flow, user, starting=True)
        self.count(flow, fault)
        return fault

    async def stop(self, user: User) -> None:
        """Run the script's `on_stop` for a user that has started. Its requests are not counted: the run is over, or the
        flow has ended."""
        if self._script.on_stop is None or not user.started:
            return
        user.quiet()
        self._stopping += 1
        try:
            async with asyncio.timeout(ON_STOP_TIMEOUT_S):
                await self._script.on_stop(user)
        except (Exception, SystemExit) as error:
            print(f"on_stop failed: {describe_error(error, self._script.path)}", file=sys.stderr)
        finally:
            self._stopping -= 1

    async def users_stopped(self) -> None:
        """Wait until each `on_stop` under way has ended or has had its time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ON_STOP_TIMEOUT_S + _LET_GO_S):
                await asyncio.sleep(0)
                while self._stopping:
                    await asyncio.sleep(_LOOK_EVERY_S)

    async def _run(self, flow: Flow, user: User, *, starting: bool = False) -> str:
        """Run the script's functions until they end, time out or are cancelled; return the fault."""
        user.begin(flow)
        left_s = self._plan.timeout_s - (flow.began_ns - flow.due_ns) / NS_PER_S
        fault: str = GOOD
        try:
            async with asyncio.timeout(left_s):
                if not user.started:
                    # In an open loop each arrival is a new user, whose start is part of what it waits for.
                    assert self._script.on_start is not None
                    await self._script.on_start(user)
                    user.started = True
                if not starting:
                    await self._script.flow(user)
        except asyncio.CancelledError as error:
            # A script may also be cancelled by a task of its own that it awaits.
            fault = Fault.UNFINISHED if flow.given_up else self._own_fault(flow, error)
        except (Exception, SystemExit) as error:
            fault = self._own_fault(flow, error)
        # A flow that ran into its timeout counts in the response time, whatever went wrong before.
        return fault if fault in COUNTED_BY_AGE else flow.fault or fault

    def count(self, flow: Flow, fault: str) -> None:
        """Count a flow that has ended with that fault; empty for a good one."""
        now_ns = self.steps.check_standstill()
        self.running.discard(flow)
        if flow.over:
            return
        flow.over = True
        if flow.uncounted:
            if fault in (GOOD, Fault.UNFINISHED):
                flow.stats.pending -= 1
                return
            flow.stats.offered += 1
            flow.stats.started += 1
        status = 0 if fault in COUNTED_BY_AGE else flow.status
        service_us = (now_ns - flow.began_ns) // _NS_PER_US if flow.began_ns else 0
        if fault == GOOD and len(self._first_us) < FIRST_RESPONSES:
            self._first_us.append(service_us)
        flow.stats.record_outcome(
            (0, status, fault), (now_ns - flow.due_ns) // _NS_PER_US, service_us if self._open else None
        )  # fmt: skip

    async def give_up(self, tasks: set[asyncio.Task[None]]) -> None:
        """Cancel all flows under way and count them with their age, also those that do not end."""
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
            ours_ns = flow.taken_ns - flow.due_ns + now_ns - flow.admitted_ns
            flow.stats.record_sent(ours_ns // _NS_PER_US, (flow.admitted_ns - flow.taken_ns) // _NS_PER_US)
        else:
            flow.stats.started += 1

    def _own_fault(self, flow: Flow, error: BaseException) -> Fault:
        fault = fault_of(error)
        self.steps.check_standstill()
        if flow.over:
            return fault
        if fault is Fault.GENERATOR:
            self.shortages.note(error)
        if fault in {Fault.WRONG, Fault.SCRIPT}:
            message = describe_error(error, self._script.path)
            flow.stats.record_message(message)
            if not flow.fault:
                self._show(flow, fault, error, message)
        elif fault is Fault.TIMEOUT and (flow.last is None or flow.last.answer is not None):
            # The script itself took the time: if a step did, the step is the example.
            self._show(flow, fault, error, f"the flow took longer than its timeout of {self._plan.timeout_s:g} s")
        return fault

    def _show(self, flow: Flow, fault: Fault, error: BaseException, message: str) -> None:
        """Keep the failure as an example, with the last request before it."""
        status = 0 if fault in COUNTED_BY_AGE else flow.status
        if message in self._messages or not self.examples.wants((FLOW, status, fault), flow.due_ns):
            return
        self._messages.add(message)
        example = FailureExample(
            target=FLOW, status=status, fault=fault,
            error="\n".join([message, *traceback_lines(error, self._script.path)]),
            request="" if flow.last is None else flow.last.request,
            response="" if flow.last is None else flow.last.response,
            took_ms=(self._now_ns() - flow.due_ns) / _NS_PER_MS,
        )  # fmt: skip
        self.examples.add(example.kind, example)
