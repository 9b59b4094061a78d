"""Putting an engine together: requests prepared, servers reached, the part of the plan that is this process's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from client.load.engine.closed_loop import ClosedLoopEngine
from client.load.engine.connection_pool import Endpoint, reach_all
from client.load.engine.engine_result import EngineResult
from client.load.engine.open_loop import OpenLoopEngine
from client.load.examples import FailureExample
from client.load.interval_stats import Recorder
from client.load.plan.model import Plan
from client.load.request_factory import prepare_requests
from client.load.requests import RequestSequence
from client.load.schedule import Part, Schedule
from client.load.summary import TracedRequest


class LoadEngine(Protocol):
    """One process's part of a run."""

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""

    @property
    def waiting(self) -> int:
        """Requests without a connection yet."""

    async def run(self, *, grace_s: float = 1.0) -> EngineResult:
        """Sends until the plan's end or `stop`, then waits for what is under way, after a stop `grace_s` at most."""

    def stop(self) -> None:
        """Begins nothing new."""

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Another rate from then on. Raises InvalidInput for a loop without one."""

    def catch_up(self) -> None:
        """Takes up everything that is due by now, for windows."""

    def take_samples(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A fresh and the slowest good answer since this was asked before."""

    def take_examples(self) -> list[FailureExample]:
        """Examples of failures that are new since this was called before."""


class EngineFactory(Protocol):
    """All that is needed to begin, but for the time."""

    @property
    def plan(self) -> Plan:
        """The plan, of which this process does a part."""

    def engine(self, recorder: Recorder, start_ns: int) -> LoadEngine:
        """The engine whose run begins at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEngineFactory:
    """Prepared requests and the servers to send them to."""

    plan: Plan
    part: Part
    requests: RequestSequence
    endpoints: Sequence[Endpoint]

    def engine(self, recorder: Recorder, start_ns: int) -> LoadEngine:
        """The engine whose run begins at that time."""
        plan, part = self.plan, self.part
        if plan.closed is not None:
            return ClosedLoopEngine(
                plan, endpoints=self.endpoints, requests=self.requests, recorder=recorder, start_ns=start_ns,
                part=part,
            )  # fmt: skip
        assert plan.open is not None
        schedule = Schedule(plan.open, seed=plan.seed, start_ns=start_ns, part=part)
        return OpenLoopEngine(
            plan, endpoints=self.endpoints, requests=self.requests, schedule=schedule, recorder=recorder,
            start_ns=start_ns, share=part.of,
        )  # fmt: skip


async def prepare_engine(plan: Plan, part: Part, variables: Mapping[str, str] | None = None) -> EngineFactory:
    """Prepares the requests, or the script, and reaches each server once. Raises InvalidInput, Unavailable."""
    if plan.script is not None:
        # Only who has a script pays for a general HTTP client.
        from client.load.script.script_factory import prepare_script

        return await prepare_script(plan, part)
    requests = prepare_requests(plan, variables)
    endpoints = await reach_all(plan, requests.origins)
    return HttpEngineFactory(plan=plan, part=part, requests=requests, endpoints=endpoints)
