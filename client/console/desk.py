"""What the page may ask for, carried out through the APIs that all use."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping
from typing import Any

from client.cloud_state import CloudState
from client.console.actions import BY_NAME, hindrance
from client.console.asking import Asker
from client.console.feed import Feed
from client.console.starting_over import Defaults, own, start_over
from client.experiments.catalogue import EXPERIMENTS
from client.experiments.experiment import choose_victim
from client.session import Session
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, NotFound
from vmhost.base.ids import short_ids

THE_CONSOLE = "the console"
SEED = 1


class Desk:
    """Acts for the page on one session."""

    def __init__(self, session: Session, feed: Feed, asker: Asker) -> None:
        self._session = session
        self._feed = feed
        self._asker = asker
        self._rng = random.Random(SEED)
        self._defaults: Defaults | None = None
        self._starting_over = False
        self._under_way: set[asyncio.Task[Any]] = set()

    async def learn(self) -> None:
        """Notes how the cloud is now: that is what starting over goes back to. Raises CloudErrors."""
        self._defaults = await Defaults.of(self._session.cloud)

    async def close(self) -> None:
        """Waits no longer for what it has begun; the session's experiments go on with the session."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @property
    def cloud(self) -> CloudClient:
        """The platform, as every client asks it."""
        return self._session.cloud

    @property
    def world(self) -> CloudState:
        """The cloud as it is known now."""
        return self._session.watcher.state

    async def act(self, name: str, instance_id: str, options: Mapping[str, Any]) -> None:
        """Does the named action to the instance; `options` are an experiment's.

        Raises NotFound, Conflict in words, and the platform's refusals."""
        action = BY_NAME.get(name)
        if action is None:
            raise NotFound(f"there is no action {name[:40]!r}; there are {', '.join(BY_NAME)}")
        view = self._instance(instance_id)
        world = self.world
        allowed = {} if world.snapshot is None else world.snapshot.allowed
        why = hindrance(action, view, allowed=allowed, busy=self._feed.busy, hogging=instance_id in world.hogging)
        if why:
            raise Conflict(f"cannot {action.name} {instance_id}: {why}")
        if action.do is not None:
            await action.do(self._session.cloud, instance_id)
        else:
            self.experiment(action.experiment, instance_id, options)

    def experiment(self, name: str, instance_id: str | None, options: Mapping[str, Any]) -> str:
        """Start an experiment on the instance, or on any that serves; return its id. The feed shows the rest.

        Raises Conflict while one is measured or no instance runs, NotFound for an unknown experiment or instance."""
        kind = EXPERIMENTS.get(name)
        if kind is None:
            raise NotFound(f"there is no experiment {name[:40]!r}; there are {', '.join(EXPERIMENTS)}")
        experiment = kind.of(options)
        session = self._session
        session.experiments.must_be_idle()
        victim = choose_victim(self.world, self._rng) if instance_id is None else self._instance(instance_id)
        self._begin(session.experiments.run(experiment, victim, by=THE_CONSOLE))
        return victim.id

    async def search(self, query: str) -> dict[str, Any]:
        """Sends what somebody typed; its trace id and the first hits."""
        asked = await self._asker.ask(query)
        self._feed.on_request(asked.record, mine=True, headers=[list(each) for each in asked.headers])
        return {
            "id": asked.record.trace.trace_id,
            "query": asked.record.query,
            "total": asked.total,
            "hits": list(asked.hits),
        }

    async def start_over_ends(self) -> list[dict[str, Any]]:
        """The instances that starting over would delete though they are not the service's: people made them."""
        defaults = (await self._known_defaults()).among(await self.cloud.describe_fleets())
        shorts = short_ids(self.world.instances)
        return [
            {"id": view.id, "short": shorts[view.id], "type": view.type, "name": view.tags.get("Name", "")}
            for view in own(self.world, defaults)
        ]

    async def _known_defaults(self) -> Defaults:
        if self._defaults is None:
            await self.learn()
        assert self._defaults is not None
        return self._defaults

    async def start_over(self) -> float:
        """The cloud and its load as they were in the beginning, with the same seed; how many seconds that took.

        Raises Conflict while it starts over already, DeadlineExceeded when not everything serves again in time, and
        CloudErrors where something is refused."""
        if self._starting_over:
            raise Conflict("a restart is already in progress")
        self._starting_over = True
        try:
            took_s = await start_over(self._session, await self._known_defaults(), seed=SEED)
        finally:
            self._starting_over = False
        self._rng = random.Random(SEED)
        self._feed.clear_verdict()
        return took_s

    def _instance(self, instance_id: str) -> InstanceView:
        view = self.world.instances.get(instance_id)
        if view is None:
            raise NotFound(f"this cloud has no instance {instance_id[:40]!r}")
        return view

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        async def guarded() -> None:
            try:
                await work
            except CloudError:
                return  # The feed has told it: the experiment's last step says why it failed.

        task = asyncio.create_task(guarded())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
