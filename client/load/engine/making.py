"""Putting an engine together: requests prepared, servers reached, the part of the plan that is this process's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from client.load.engine.closed_loop import ClosedLoopEngine
from client.load.engine.connections import Endpoint, reach_all
from client.load.engine.ended import Ended
from client.load.engine.open_loop import OpenLoopEngine
from client.load.examples import Example
from client.load.plan.words import Plan
from client.load.preparing import prepare
from client.load.requests import Requests
from client.load.schedule import Part, Schedule
from client.load.summary import TracedRequest
from client.load.tally import Collector


class Engine(Protocol):
    """One process's part of a run."""

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet ended."""

    @property
    def waiting(self) -> int:
        """Requests without a connection yet."""

    async def run(self, *, grace_s: float = 1.0) -> Ended:
        """Sends until the plan's end or `stop`, then waits for what is under way, after a stop `grace_s` at most."""

    def stop(self) -> None:
        """Begins nothing new."""

    def change_rate(self, rate_per_s: float, at_ns: int) -> None:
        """Another rate from then on. Raises InvalidInput for a loop without one."""

    def settle(self) -> None:
        """Takes up everything that is due by now, for windows."""

    def take_shown(self) -> tuple[TracedRequest | None, TracedRequest | None]:
        """A fresh and the slowest good answer since this was asked before."""

    def take_examples(self) -> list[Example]:
        """Examples of failures that are new since this was called before."""


class Ready(Protocol):
    """All that is needed to begin, but for the time."""

    @property
    def plan(self) -> Plan:
        """The plan, of which this process does a part."""

    def engine(self, collector: Collector, start_ns: int) -> Engine:
        """The engine whose run begins at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRequests:
    """Prepared requests and the servers to send them to."""

    plan: Plan
    part: Part
    requests: Requests
    endpoints: Sequence[Endpoint]

    def engine(self, collector: Collector, start_ns: int) -> Engine:
        """The engine whose run begins at that time."""
        plan, part = self.plan, self.part
        if plan.closed is not None:
            return ClosedLoopEngine(
                plan, endpoints=self.endpoints, requests=self.requests, collector=collector, start_ns=start_ns,
                part=part,
            )  # fmt: skip
        assert plan.open is not None
        schedule = Schedule(plan.open, seed=plan.seed, start_ns=start_ns, part=part)
        return OpenLoopEngine(
            plan, endpoints=self.endpoints, requests=self.requests, schedule=schedule, collector=collector,
            start_ns=start_ns, share=part.of,
        )  # fmt: skip


async def make_ready(plan: Plan, part: Part, variables: Mapping[str, str] | None = None) -> Ready:
    """Prepares the requests, or the script, and reaches each server once. Raises InvalidInput, Unavailable."""
    if plan.script is not None:
        # Only who has a script pays for a general HTTP client.
        from client.load.script.making import make_scripted

        return await make_scripted(plan, part)
    requests = prepare(plan, variables)
    endpoints = await reach_all(plan, requests.origins)
    return ReadyRequests(plan=plan, part=part, requests=requests, endpoints=endpoints)
