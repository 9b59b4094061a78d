"""A cloud that is up, in hand: its events as they come, its search service, and load that can be steered."""

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

from client.load.generator import Generator
from client.load.plan.form import plan_of
from client.load.plan.words import OpenLoop, Plan, Target
from client.load.report.report import Report
from client.tour.corpus import fitting_queries
from client.tour.experiments import Experiments
from client.tour.results import Found
from client.tour.world import World, fold
from server.api.flow import Counters
from server.api.timing import parse
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.api.views import CloudEvent
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from vmhost.base.http1 import HttpFailure, Response, build_request
from vmhost.base.pool import Pool

if TYPE_CHECKING:
    from client.load.joining.gathering import Gathering

_CALL_TIMEOUT_S = 3.0
_POLL_S = 0.02
DEFAULT_RATE = 20.0
AGENT = "glasscloud"
"""By which platform and front end tell our own calls from others'."""

Listener = Callable[[CloudEvent], None]


class Watch:
    """The world, kept up to date by the platform's events; wakes whoever waits for something to become so."""

    def __init__(self, cloud: CloudClient) -> None:
        self.world = World()
        self.listeners: list[Listener] = []
        """Are given each event after it was folded into the world."""
        self.answering: list[Callable[[bool], None]] = []
        """Are told False when the platform no longer answers, and True when it does again."""
        self._silent = False
        self._cloud = cloud
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Follows the events until cancelled."""
        async for event in self._cloud.events(silent=lambda: self._answers(False)):
            self._answers(True)
            self.world = fold(self.world, event)
            for listener in tuple(self.listeners):
                listener(event)
            async with self._news:
                self._news.notify_all()

    def _answers(self, answers: bool) -> None:
        if answers is self._silent:
            self._silent = not answers
            for listener in tuple(self.answering):
                listener(answers)

    async def until(self, holds: Callable[[World], bool], *, deadline_s: float, what: str) -> World:
        """The world once `holds`. Raises DeadlineExceeded naming `what` when that takes too long."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                await self._news.wait_for(lambda: holds(self.world))
                return self.world
        except TimeoutError:
            raise DeadlineExceeded(f"{what} did not happen within {deadline_s:.0f} s") from None


class SearchService:
    """The front end, asked directly."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput(f"front end {url!r} is no http URL; expected such as http://127.0.0.1:8000")
        self.url = f"http://{parts.netloc}"
        self._host = parts.netloc
        self._pool = Pool(parts.hostname, parts.port or 80, limit=4)

    def close(self) -> None:
        """Closes its connections."""
        self._pool.close()

    def page(self, query: str) -> str:
        """The address of a search for people."""
        return f"{self.url}/search?q={urllib.parse.quote_plus(query)}"

    async def healthy(self) -> bool:
        """Whether every shard answers."""
        with contextlib.suppress(CloudError):
            return (await self._get("/healthz")).status == 200
        return False

    async def counters(self) -> Counters:
        """The front end's exact counts. Raises Unavailable."""
        return Counters.from_json(json.loads((await self._get("/status")).body)["counters"])

    async def in_rotation(self) -> frozenset[str]:
        """The instances that the front end asks now. Raises Unavailable."""
        return frozenset(each.instance_id for each in (await self.counters()).instances)

    async def until_in_rotation(self, holds: Callable[[frozenset[str]], bool], *, deadline_s: float) -> None:
        """Returns once the instances in rotation are so. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    with contextlib.suppress(Unavailable):
                        if holds(await self.in_rotation()):
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise DeadlineExceeded(f"no change of the machines in rotation within {deadline_s:.0f} s") from None

    async def search(self, query: str) -> Found:
        """One search. Raises InvalidInput for a query that the service refuses, Unavailable where it fails."""
        response = await self._get(f"/search?q={urllib.parse.quote_plus(query)}&format=json")
        try:
            data = json.loads(response.body)
        except ValueError:
            raise Unavailable(f"{self.url} answered no JSON; expected a glasscloud front end there") from None
        if response.status != 200:
            kind = InvalidInput if response.status < 500 else Unavailable
            raise kind(_told(data) or f"{self.url} answered with status {response.status}; expected 200")
        header = {name: value.decode("latin-1") for name, value in response.headers}
        return Found(
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
            raise Unavailable(f"the front end at {self.url} does not answer ({error}); is it up?") from None


def _told(data: object) -> str:
    """The sentence of an error's JSON; empty where there is none."""
    error = data.get("error") if isinstance(data, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


@dataclass(slots=True, kw_only=True)
class Session:
    """Everything an experiment needs, for whoever shows or steers a cloud: all that hold it see the same load and the
    same experiments.

    People change the load by the session's own methods, which refuse while an experiment is measured; `load` is there
    to be read, and for the experiments."""

    cloud: CloudClient
    watch: Watch
    service: SearchService
    load: Generator
    queries: Path | None
    """The known corpus's queries."""
    scratch: Path
    """A folder that goes with the session."""
    experiments: Experiments = field(init=False)

    def __post_init__(self) -> None:
        self.experiments = Experiments(self)

    async def start_load(self, rate_per_s: float, *, seed: int = 1) -> None:
        """Sends searches drawn from the corpus's words, answers checked; else one search again and again.

        Raises as `start`, and Unavailable where the service does not answer."""
        await self.start(await self.plan_load(rate_per_s, seed=seed))

    async def start(self, plan: Plan) -> float:
        """Starts a load, as `Generator.start`. Raises Conflict while an experiment is measured too."""
        self.experiments.must_be_idle()
        return await self.load.start(plan)

    async def stop_load(self) -> Report | None:
        """Ends the load, as `Generator.stop`. Raises Conflict while an experiment is measured."""
        self.experiments.must_be_idle()
        return await self.load.stop()

    async def set_rate(self, rate_per_s: float) -> None:
        """Changes the load, as `Generator.set_rate`. Raises Conflict while an experiment is measured too."""
        self.experiments.must_be_idle()
        await self.load.set_rate(rate_per_s)

    async def plan_load(self, rate_per_s: float, *, seed: int = 1) -> Plan:
        """The load of `start_load`. Raises Unavailable where the service does not answer."""
        return Plan(targets=(await self.search_target(),), open=OpenLoop(rate_per_s=rate_per_s), seed=seed)

    async def plan_of(self, request: Mapping[str, object]) -> Plan:
        """The plan that a form asks for. Raises InvalidInput, and Unavailable where the service does not answer."""
        plan = plan_of(request, search=Target(url=self.service.url))
        return replace(plan, targets=(await self.search_target(),)) if request.get("url") is None else plan

    async def search_target(self) -> Target:
        """The cloud's search: the corpus's words as often as people ask them, or one search where none is known."""
        if self.queries is None or not self.queries.exists():
            return Target(url=self.service.page("hypervisor") + "&format=json")
        try:
            queries = await fitting_queries(self.service.search, self.queries, self.scratch)
        except* CloudError as group:
            raise Unavailable(f"the search service does not answer: {group.exceptions[0]}") from None
        return Target(url=self.service.url, corpus=str(queries))


@contextlib.asynccontextmanager
async def open_session(
    access: Access,
    search_url: str,
    *,
    queries: Path | None = None,
    crew: Gathering | None = None,
    say: Callable[[str], None] = lambda _: None,
    agent: str = AGENT,
) -> AsyncIterator[Session]:
    """A session with a cloud that answers, its first snapshot taken. Raises Unavailable, DeadlineExceeded.

    Its load is sent by the workers that join the `crew`, of which `say` tells, and from here while none has. `agent` is
    the name under which the platform tells of what it was asked."""
    service = SearchService(search_url)
    try:
        async with CloudClient(access, agent=agent) as cloud, Generator(crew=crew, say=say) as load:
            watch = Watch(cloud)
            following = asyncio.ensure_future(watch.run())
            try:
                await _first(following, watch)
                with tempfile.TemporaryDirectory(prefix="glasscloud-queries-") as scratch:
                    session = Session(
                        cloud=cloud, watch=watch, service=service, load=load, queries=queries, scratch=Path(scratch)
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


async def _first(following: asyncio.Future[None], watch: Watch) -> None:
    """Waits for the first snapshot; what breaks the stream before it is raised here."""
    first = asyncio.ensure_future(
        watch.until(lambda world: world.snapshot is not None, deadline_s=15.0, what="the cloud's first answer")
    )
    await asyncio.wait((following, first), return_when=asyncio.FIRST_COMPLETED)
    if following.done() and not first.done():
        first.cancel()
        following.result()
        raise NotFound("the cloud's events ended before they began; expected a snapshot")
    await first
