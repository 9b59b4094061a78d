"""Makes the engine for one process's part of a plan, after its requests are prepared and its servers are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from client.load.engine.closed_loop import ClosedLoopEngine, FastPathChannel
from client.load.engine.endpoint import Endpoint, reach_all
from client.load.engine.http1_transport import Http1Channel, Http1Transport
from client.load.engine.load_engine import LoadEngine
from client.load.engine.open_loop import OpenLoopEngine
from client.load.engine.transport import Transport
from client.load.interval_stats import Recorder
from client.load.plan.model import Plan
from client.load.request_factory import prepare_requests
from client.load.requests import RequestSequence
from client.load.schedule import Part


class EngineFactory(Protocol):
    """Everything that an engine needs, except the time at which it starts."""

    @property
    def plan(self) -> Plan:
        """The plan, of which this process sends a part."""

    def engine(self, recorder: Recorder, start_ns: int) -> LoadEngine:
        """The engine for a run that starts at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEngineFactory:
    """Prepared requests and the servers to send them to."""

    plan: Plan
    part: Part
    requests: RequestSequence
    endpoints: Sequence[Endpoint]

    def engine(self, recorder: Recorder, start_ns: int) -> LoadEngine:
        """The engine for a run that starts at that time."""
        kind = OpenLoopEngine if self.plan.closed is None else ClosedLoopEngine
        return kind(
            self.plan, transports=transports_to(self.endpoints, self.plan, self.requests), requests=self.requests,
            recorder=recorder, start_ns=start_ns, part=self.part,
        )  # fmt: skip


def transports_to(endpoints: Sequence[Endpoint], plan: Plan, requests: RequestSequence) -> list[Transport]:
    """A transport to each server; with the fast path if users send again at once and responses need no closer look."""
    at_once = plan.closed is not None and not plan.closed.think_s and requests.limit(plan.requests) is None
    fast = at_once and requests.easy and not plan.traced and len(endpoints) == 1
    kind = FastPathChannel if fast else Http1Channel
    return [Http1Transport(endpoint, bodies=not requests.easy, kind=kind) for endpoint in endpoints]


async def prepare_engine(plan: Plan, part: Part, variables: Mapping[str, str] | None = None) -> EngineFactory:
    """Prepare the requests, or the script, and connect to each server once. Raises InvalidInput, Unavailable."""
    if plan.script is not None:
        # Imports a general HTTP client, which takes time: only for scripts.
        from client.load.script.script_factory import prepare_script

        return await prepare_script(plan, part)
    requests = prepare_requests(plan, variables)
    endpoints = await reach_all(plan, requests.origins)
    return HttpEngineFactory(plan=plan, part=part, requests=requests, endpoints=endpoints)
