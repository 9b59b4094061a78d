"""A session with a running cloud: its state, its search service, its load and experiments."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from client.cloud_watcher import CloudWatcher
from client.experiments.experiment import SystemUnderTest
from client.experiments.runner import ExperimentRunner
from client.load.plan.model import Plan, Target
from client.load.plan.plan_json import plan_from_form
from client.load.run_report import Report
from client.load.session import LoadSession
from client.search_service import AGENT, SearchService
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.base.errors import CloudError, NotFound

if TYPE_CHECKING:
    from client.load.distributed.worker_pool import WorkerPool

DEFAULT_RATE = 20.0


@dataclass(slots=True, kw_only=True)
class Session(SystemUnderTest):
    """One cloud with its load and experiments, shared by everything that shows or controls it.

    Users change the load through the session's methods, which refuse while an experiment is measured. `load` is for
    reading, and for the experiments."""

    experiments: ExperimentRunner = field(init=False)

    def __post_init__(self) -> None:
        self.experiments = ExperimentRunner(self)

    async def start_load(self, rate_per_s: float, *, seed: int = 1) -> None:
        """Send searches drawn from the corpus, with checked answers; without a corpus, repeat one search.

        Raises as `start`, and Unavailable if the service does not respond."""
        await self.start(await self.plan_load(rate_per_s, seed=seed))

    async def start(self, plan: Plan) -> float:
        """Start a load. Raises as `LoadSession.start`, and Conflict while an experiment is measured."""
        self.experiments.must_be_idle()
        return await self.load.start(plan)

    async def stop_load(self) -> Report | None:
        """Stop the load. Raises Conflict while an experiment is measured."""
        self.experiments.must_be_idle()
        return await self.load.stop()

    async def set_rate(self, rate_per_s: float) -> None:
        """Change the rate. Raises as `LoadSession.set_rate`, and Conflict while an experiment is measured."""
        self.experiments.must_be_idle()
        await self.load.set_rate(rate_per_s)

    async def plan_of(self, request: Mapping[str, object]) -> Plan:
        """Return the plan for a submitted form. Raises InvalidInput, Unavailable if the service does not respond."""
        plan = plan_from_form(request, search=Target(url=self.service.url))
        return replace(plan, targets=(await self.search_target(),)) if request.get("url") is None else plan


@contextlib.asynccontextmanager
async def open_session(
    access: Access,
    search_url: str,
    *,
    queries: Path | None = None,
    worker_pool: WorkerPool | None = None,
    say: Callable[[str], None] = lambda _: None,
    agent: str = AGENT,
) -> AsyncIterator[Session]:
    """Open a session with a cloud and wait for its first snapshot. Raises Unavailable, DeadlineExceeded.

    Workers that join the `worker_pool` send the load, announced with `say`; without workers this computer does.
    `agent` is the User-Agent of our API calls."""
    service = SearchService(search_url)
    try:
        async with CloudClient(access, agent=agent) as cloud, LoadSession(worker_pool=worker_pool, say=say) as load:
            watcher = CloudWatcher(cloud)
            following = asyncio.ensure_future(watcher.run())
            try:
                await _first(following, watcher)
                with tempfile.TemporaryDirectory(prefix="glasscloud-queries-") as scratch:
                    session = Session(
                        cloud=cloud, watcher=watcher, service=service, load=load, queries=queries, scratch=Path(scratch)
                    )
                    try:
                        yield session
                    finally:
                        await session.experiments.close()
            finally:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError, CloudError):
                    await following
    finally:
        service.close()


async def _first(following: asyncio.Future[None], watcher: CloudWatcher) -> None:
    """Wait for the first snapshot; raise what breaks the event stream before it."""
    first = asyncio.ensure_future(
        watcher.until(lambda state: state.snapshot is not None, deadline_s=15.0, what="the cloud's first snapshot")
    )
    await asyncio.wait((following, first), return_when=asyncio.FIRST_COMPLETED)
    if following.done() and not first.done():
        first.cancel()
        following.result()
        raise NotFound("the cloud's event stream ended without a snapshot")
    await first
