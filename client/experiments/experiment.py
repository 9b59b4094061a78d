"""What an experiment acts on, what it has to provide, and how it marks and measures a load."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from client.cloud_state import CloudState, shard_of
from client.cloud_watcher import CloudWatcher
from client.experiments.results import Progress, Result
from client.load.plan.model import OpenLoop, Plan, Target
from client.load.run_result import Mark
from client.load.session import LoadSession
from client.load.summary import Summary
from client.search_service import SearchService, matching_queries
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, Unavailable

MEASURING = "measuring"
"""The first word of a mark that bounds a window and is no event. Charts without room leave such marks out."""


@dataclass(slots=True, kw_only=True)
class SystemUnderTest:
    """A cloud, its search service, and the load on it."""

    cloud: CloudClient
    watcher: CloudWatcher
    service: SearchService
    load: LoadSession
    queries: Path | None
    """The file of the corpus's queries."""
    scratch: Path
    """A folder that is removed with the session."""

    async def plan_load(self, rate_per_s: float, *, seed: int = 1) -> Plan:
        """Return the plan of a load of searches. Raises Unavailable if the service does not respond."""
        return Plan(targets=(await self.search_target(),), open=OpenLoop(rate_per_s=rate_per_s), seed=seed)

    async def search_target(self) -> Target:
        """Return the target for searches: the corpus's queries by popularity, or one search if there is no corpus."""
        if self.queries is None or not self.queries.exists():
            return Target(url=self.service.page("hypervisor") + "&format=json")
        try:
            queries = await matching_queries(self.service.search, self.queries, self.scratch)
        except* CloudError as group:
            raise Unavailable(f"the search service does not respond: {group.exceptions[0]}") from None
        return Target(url=self.service.url, corpus=str(queries))


Report = Callable[[Progress], None]


class Experiment(Protocol):
    """A fault under load, and the judgement of what it did.

    Instances of the class carry its options; those that users may set are declared with `parameter`."""

    name: ClassVar[str]
    """In addresses and in JSON."""
    title: ClassVar[str]
    """In sentences: "the CPU hog"."""
    summary: ClassVar[str]
    """What the instance does meanwhile, in a few words; follows "it"."""
    button: ClassVar[str]
    """On a button that runs it on any instance."""
    key: ClassVar[str]
    """On the keyboard."""
    fault: ClassVar[str]
    """The fault that it injects; empty if it injects none."""
    ends_instance: ClassVar[bool]
    """Whether the end of the instance is part of it."""

    async def run(self, system: SystemUnderTest, victim: InstanceView, report: Report) -> Result:
        """Run it on an instance, reporting each stage. Raises CloudErrors; the load is as before in any case."""


def choose_victim(cloud_state: CloudState, rng: random.Random) -> InstanceView:
    """Choose any running instance of the search service; in a cloud without that service any other one.

    Raises Conflict if none runs."""
    service = [view for view in cloud_state.present if shard_of(view) is not None]
    candidates = [view for view in cloud_state.running if shard_of(view) is not None or not service]
    if candidates:
        return rng.choice(candidates)
    if service:
        raise Conflict("no instance is running; replacements are starting, try again in a moment")
    raise Conflict("no instance is running; launch or start one first")


async def mark_load(load: LoadSession, text: str) -> Mark:
    """Mark an event, as `LoadSession.mark`. Raises Conflict if the load has ended."""
    mark = await load.mark(text)
    if mark is None:
        raise _ended(load)
    return mark


async def measure_window(load: LoadSession, since: float, until: float) -> Summary:
    """Return the window, as `LoadSession.window`. Raises Conflict if the load has ended."""
    window = await load.window(since, until)
    if window is None:
        raise _ended(load)
    return window


def _ended(load: LoadSession) -> Conflict:
    why = f" ({load.past[0].error})" if load.past and load.past[0].error else ""
    return Conflict(f"the load ended during the measurement{why}; run the experiment again")
