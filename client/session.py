"""A session with a running cloud: its state, its search service, its load and experiments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from client.cloud_state import CloudState, fold
from client.corpus_queries import matching_queries
from client.experiments.results import SearchResult
from client.experiments.runner import ExperimentRunner
from client.load.plan.form_json import plan_from_form
from client.load.plan.model import OpenLoop, Plan, Target
from client.load.report.report import Report
from client.load.session import LoadSession
from server.api.flow import Counters
from server.api.timing import parse
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import CloudEvent
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from vmhost.base.http1 import HttpFailure, build_request
from vmhost.base.http_response import Response

if TYPE_CHECKING:
    from client.load.distributed.worker_pool import WorkerPool

_CALL_TIMEOUT_S = 3.0
_POLL_S = 0.02
DEFAULT_RATE = 20.0
AGENT = "glasscloud"
"""The User-Agent of our own requests to platform and front end."""

Listener = Callable[[CloudEvent], None]


class CloudWatcher:
    """Keeps the cloud's state up to date from the platform's events and waits for conditions on it."""

    def __init__(self, cloud: CloudClient) -> None:
        self.state = CloudState()
        self.listeners: list[Listener] = []
        """Called with each event after it was folded into the state."""
        self.answering: list[Callable[[bool], None]] = []
        """Called with False when the platform stops responding, and with True when it responds again."""
        self._silent = False
        self._cloud = cloud
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Follow the events until cancelled."""
        async for event in self._cloud.events(silent=lambda: self._answers(False)):
            self._answers(True)
            self.state = fold(self.state, event)
            for listener in tuple(self.listeners):
                listener(event)
            async with self._news:
                self._news.notify_all()

    def _answers(self, answers: bool) -> None:
        if answers is self._silent:
            self._silent = not answers
            for listener in tuple(self.answering):
                listener(answers)

    async def until(self, holds: Callable[[CloudState], bool], *, deadline_s: float, what: str) -> CloudState:
        """Return the state as soon as `holds` is true for it. Raises DeadlineExceeded, naming `what`."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                await self._news.wait_for(lambda: holds(self.state))
                return self.state
        except TimeoutError:
            raise DeadlineExceeded(f"{what} did not happen within {deadline_s:.0f} s") from None


class SearchService:
    """The search service's front end."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput(f"front end {url!r} is not an http URL such as http://127.0.0.1:8000")
        self.url = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._pool = ConnectionPool(parts.hostname, parts.port or 80, limit=4)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def page(self, query: str) -> str:
        """Return the address of a search page."""
        return f"{self.url}/search?q={urllib.parse.quote_plus(query)}"

    async def healthy(self) -> bool:
        """Return whether every shard responds."""
        with contextlib.suppress(CloudError):
            return (await self._get("/healthz")).status == 200
        return False

    async def counters(self) -> Counters:
        """Return the front end's exact counters. Raises Unavailable."""
        return Counters.from_json(json.loads((await self._get("/status")).body)["counters"])

    async def in_rotation(self) -> frozenset[str]:
        """Return the ids of the instances that the front end sends requests to. Raises Unavailable."""
        return frozenset(each.instance_id for each in (await self.counters()).instances)

    async def wait_for_rotation(self, holds: Callable[[frozenset[str]], bool], *, deadline_s: float) -> None:
        """Wait until `holds` is true for the instances in rotation. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    with contextlib.suppress(Unavailable):
                        if holds(await self.in_rotation()):
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise DeadlineExceeded(f"the instances in rotation did not change within {deadline_s:.0f} s") from None

    async def search(self, query: str) -> SearchResult:
        """Run one search. Raises InvalidInput for a query that the service refuses, Unavailable if it fails."""
        response = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json")
        try:
            data = json.loads(response.body)
        except ValueError:
            raise Unavailable(f"{self.url} did not respond with JSON; is it a glasscloud front end?") from None
        if response.status != 200:
            kind = InvalidInput if response.status < 500 else Unavailable
            raise kind(_error_message(data) or f"{self.url} responded with status {response.status}")
        header = {name: value.decode("latin-1") for name, value in response.headers}
        return SearchResult(
            query=query,
            total=data["total"],
            titles=tuple(hit["title"] for hit in data["hits"]),
            partial=data["partial"],
            trace=parse(header.get(b"server-timing", ""), header.get(b"traceparent", "")),
        )

    async def _get(self, target: str) -> Response:
        headers = [("Host", self._host), ("Accept", "application/json"), ("User-Agent", AGENT)]
        raw = build_request("GET", target, headers)
        try:
            return await self._pool.request(raw, timeout_s=_CALL_TIMEOUT_S)
        except HttpFailure as error:
            raise Unavailable(f"the front end at {self.url} does not respond ({error}); is it running?") from None


def _error_message(data: object) -> str:
    """Return the message of an error response; empty if there is none."""
    error = data.get("error") if isinstance(data, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


@dataclass(slots=True, kw_only=True)
class Session:
    """One cloud with its load and experiments, shared by everything that shows or controls it.

    Users change the load through the session's methods, which refuse while an experiment is measured. `load` is for
    reading, and for the experiments."""

    cloud: CloudClient
    watcher: CloudWatcher
    service: SearchService
    load: LoadSession
    queries: Path | None
    """The file of the corpus's queries."""
    scratch: Path
    """A folder that is removed with the session."""
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

    async def plan_load(self, rate_per_s: float, *, seed: int = 1) -> Plan:
        """Return the plan for `start_load`. Raises Unavailable if the service does not respond."""
        return Plan(targets=(await self.search_target(),), open=OpenLoop(rate_per_s=rate_per_s), seed=seed)

    async def plan_of(self, request: Mapping[str, object]) -> Plan:
        """Return the plan for a submitted form. Raises InvalidInput, Unavailable if the service does not respond."""
        plan = plan_from_form(request, search=Target(url=self.service.url))
        return replace(plan, targets=(await self.search_target(),)) if request.get("url") is None else plan

    async def search_target(self) -> Target:
        """Return the target for searches: the corpus's queries by popularity, or one search if there is no corpus."""
        if self.queries is None or not self.queries.exists():
            return Target(url=self.service.page("hypervisor") + "&format=json")
        try:
            queries = await matching_queries(self.service.search, self.queries, self.scratch)
        except* CloudError as group:
            raise Unavailable(f"the search service does not respond: {group.exceptions[0]}") from None
        return Target(url=self.service.url, corpus=str(queries))


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
