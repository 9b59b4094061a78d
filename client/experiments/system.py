"""What an experiment acts on and measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from client.cloud_watcher import CloudWatcher
from client.corpus_queries import matching_queries
from client.load.plan.model import OpenLoop, Plan, Target
from client.load.session import LoadSession
from client.search_service import SearchService
from vmhost.api.client import CloudClient
from vmhost.base.errors import CloudError, Unavailable


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
