"""Carries out what people do on the page, through the APIs that all clients use."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from client.cloud_state import CloudState
from client.console.actions import EXPERIMENT, FAULT, actions_of, disabled_reason
from client.console.publisher import Publisher
from client.console.serialize import CONSOLE_AGENT
from client.console.start_over import Targets, extra_instances, initial_targets, present_targets, start_over
from client.experiments.experiment import choose_victim
from client.experiments.runner import EXPERIMENTS
from client.search_service import SearchResult, SearchService
from client.session import Session
from server.api.flow import FlowRecord
from vmhost.api.client import CloudClient
from vmhost.api.parameters import checked_values, with_values
from vmhost.api.views import InstanceView
from vmhost.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from vmhost.base.ids import short_ids

THE_CONSOLE = "the console"
SEED = 1


class Commands:
    """The page's commands on one session."""

    def __init__(self, session: Session, publisher: Publisher) -> None:
        self._session = session
        self._publisher = publisher
        self._rng = random.Random(SEED)
        self._initial: Targets | None = None
        self._starting_over = False

    async def note_initial_fleets(self) -> None:
        """Note the fleets of now, to which `start_over` returns. Raises CloudErrors."""
        self._initial = await initial_targets(self._session.cloud)

    @property
    def cloud(self) -> CloudClient:
        """The platform's API."""
        return self._session.cloud

    @property
    def world(self) -> CloudState:
        """The cloud as it is known now."""
        return self._session.watcher.state

    async def act(self, name: str, instance_id: str, options: Mapping[str, Any]) -> None:
        """Carry out the named action on the instance; `options` are the parameters of an experiment or fault.

        Raises NotFound, InvalidInput, Conflict with the reason, and the platform's refusals."""
        known = {each.name: each for each in actions_of(self.world)}
        action = known.get(name)
        if action is None:
            raise NotFound(f"there is no action {name[:40]!r}; there are {', '.join(known)}")
        view = self._instance(instance_id)
        if why := disabled_reason(action, view, self.world, self._publisher.busy):
            raise Conflict(f"{action.title} of {instance_id} is not possible: {why}")
        if action.kind == EXPERIMENT:
            self.start_experiment(name, instance_id, options)
        elif action.kind == FAULT:
            values = checked_values(action.parameters, options, subject=f"the {action.title}")
            await self._session.cloud.inject_fault(name, instance_id, **values)
        elif action.run is not None:
            await action.run(self._session.cloud, instance_id)

    def start_experiment(self, name: str, instance_id: str | None, options: Mapping[str, Any]) -> str:
        """Start an experiment on the instance, or on any serving one; return its id. The publisher shows the rest.

        Raises Conflict while another one is measured or if no instance runs, NotFound for an unknown experiment or
        instance, InvalidInput for options that it does not have."""
        kind = EXPERIMENTS.get(name)
        if kind is None:
            raise NotFound(f"there is no experiment {name[:40]!r}; there are {', '.join(EXPERIMENTS)}")
        experiment = with_values(kind, options, subject=f"the {kind.title}")
        session = self._session
        session.experiments.must_be_idle()
        victim = choose_victim(self.world, self._rng) if instance_id is None else self._instance(instance_id)
        session.experiments.start(experiment, victim, by=THE_CONSOLE)
        return victim.id

    async def search(self, query: str) -> dict[str, Any]:
        """Send the search; return its trace id and the first hits. Raises InvalidInput, Unavailable."""
        record, result = await recorded_search(self._session.service, query, agent=CONSOLE_AGENT)
        self._publisher.on_request(record, mine=True, headers=result.headers)
        return {"id": record.trace.trace_id, "query": record.query, "total": result.total, "hits": result.hits}

    async def deleted_by_start_over(self) -> list[dict[str, Any]]:
        """Return the instances that `start_over` would delete though they are not part of the service."""
        initial = present_targets(await self._initial_fleets(), await self.cloud.describe_fleets())
        shorts = short_ids(self.world.instances)
        return [
            {"id": view.id, "short": shorts[view.id], "type": view.type, "name": view.tags.get("Name", "")}
            for view in extra_instances(self.world, initial)
        ]

    async def _initial_fleets(self) -> Targets:
        if self._initial is None:
            await self.note_initial_fleets()
        assert self._initial is not None
        return self._initial

    async def start_over(self) -> float:
        """Reset the cloud and its load to the initial state, with the same seed; return how many seconds that took.

        Raises Conflict while a restart is in progress, DeadlineExceeded if not everything serves again in time, and
        CloudErrors where something is refused."""
        if self._starting_over:
            raise Conflict("a restart is already in progress")
        self._starting_over = True
        try:
            took_s = await start_over(self._session, await self._initial_fleets(), seed=SEED)
        finally:
            self._starting_over = False
        self._rng = random.Random(SEED)
        self._publisher.clear_verdict()
        return took_s

    def _instance(self, instance_id: str) -> InstanceView:
        view = self.world.instances.get(instance_id)
        if view is None:
            raise NotFound(f"this cloud has no instance {instance_id[:40]!r}")
        return view


async def recorded_search(service: SearchService, query: str, *, agent: str) -> tuple[FlowRecord, SearchResult]:
    """Send a person's search; return its record for the page, and the response.

    Raises InvalidInput for an empty query, and as `SearchService.send`."""
    query = query.strip()
    if not query:
        raise InvalidInput("query is required")
    result = await service.send(query, agent=agent)
    if result.trace is None:
        raise Unavailable(f"the response of {service.url} has no trace; is it a glasscloud front end?")
    record = FlowRecord(
        at=time.time(), query=query, status=result.status, partial=result.partial, agent=agent, trace=result.trace
    )
    return record, result
