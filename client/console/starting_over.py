"""Back to the beginning in a few seconds, for the next group: the default fleet, the same load, nothing under way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client.cloud_state import CloudState, shard_of
from client.session import DEFAULT_RATE, Session
from server.api.service_tags import SHARD_TAG
from vmhost.api.client import CloudClient
from vmhost.api.views import FleetView, InstanceView
from vmhost.base.errors import Conflict, NotFound

DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """How the cloud was when the console met it: how many instances each fleet kept."""

    targets: Mapping[str, int]

    @classmethod
    async def of(cls, cloud: CloudClient) -> Defaults:
        """Those of the cloud now."""
        return cls(targets={fleet.id: fleet.target for fleet in await cloud.describe_fleets()})

    def among(self, fleets: Sequence[FleetView]) -> Defaults:
        """What of it is to be kept among the fleets that there are now.

        A fleet of the search service that came later took a former one's place, as after a platform's restart without
        its records: it is kept at its size. One that has gone is waited for by nobody."""
        kept = [fleet for fleet in fleets if fleet.id in self.targets or SHARD_TAG in fleet.tags]
        return Defaults(targets={fleet.id: self.targets.get(fleet.id, fleet.target) for fleet in kept})

    @property
    def serving(self) -> int:
        """How many instances serve."""
        return sum(self.targets.values())


def surplus(world: CloudState, defaults: Defaults) -> tuple[str, ...]:
    """The instances that were not there in the beginning: of no default fleet, or of one and not at work. Pure."""
    return tuple(
        view.id
        for view in world.present
        if view.state != "shutting-down"
        and (view.fleet not in defaults.targets or view.state not in ("pending", "running"))
    )


def own(world: CloudState, defaults: Defaults) -> tuple[InstanceView, ...]:
    """The instances that belong to no default fleet: people made them, and starting over deletes them. Pure."""
    return tuple(view for view in world.present if view.state != "shutting-down" and view.fleet not in defaults.targets)


async def start_over(session: Session, defaults: Defaults, *, seed: int) -> float:
    """Ends what is under way, puts fleets and load back and waits until all serve; how many seconds that took."""
    began = time.monotonic()
    cloud = session.cloud
    await session.experiments.close()
    stopping = asyncio.create_task(session.load.stop())
    try:
        for instance_id in session.watcher.state.hogging:
            with contextlib.suppress(Conflict, NotFound):
                await cloud.end_fault(instance_id=instance_id)
        fleets = await cloud.describe_fleets()
        defaults = defaults.among(fleets)
        await _put_fleets_back(cloud, fleets, defaults)
        if gone := surplus(session.watcher.state, defaults):
            await cloud.terminate_instances(gone)
        await session.watcher.until(
            lambda world: _complete(world, defaults), deadline_s=DEADLINE_S, what="every instance's return"
        )
        serving = frozenset(view.id for view in session.watcher.state.running if shard_of(view) is not None)
        await session.service.wait_for_rotation(lambda ids: serving <= ids, deadline_s=DEADLINE_S)
    finally:
        await stopping
    await session.start_load(DEFAULT_RATE, seed=seed)
    return time.monotonic() - began


async def _put_fleets_back(cloud: CloudClient, fleets: Sequence[FleetView], defaults: Defaults) -> None:
    for fleet in fleets:
        target = defaults.targets.get(fleet.id)
        if target is None:
            await cloud.delete_fleets([fleet.id])
        elif target != fleet.target:
            await cloud.modify_fleet(fleet.id, target=target)


def _complete(world: CloudState, defaults: Defaults) -> bool:
    """Whether as many run as in the beginning, and no others are there but those that are going."""
    running = [view for view in world.running if view.fleet in defaults.targets]
    others = [view for view in world.present if view.fleet not in defaults.targets and view.state == "running"]
    return len(running) == defaults.serving and not others
