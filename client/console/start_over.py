"""Resets the cloud for the next group of people: the initial fleets, the same load, no experiment running."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

from client.cloud_state import CloudState, shard_of
from client.session import DEFAULT_RATE, Session
from server.api import SHARD_TAG
from vmhost.api.client import CloudClient
from vmhost.api.views import FleetView, InstanceView
from vmhost.base.errors import Conflict, NotFound

DEADLINE_S = 20.0


Targets = Mapping[str, int]
"""How many instances each fleet keeps, by the fleet's id."""


async def initial_targets(cloud: CloudClient) -> Targets:
    """Return the present target of each fleet. Raises CloudErrors."""
    return {fleet.id: fleet.target for fleet in await cloud.describe_fleets()}


def present_targets(initial: Targets, fleets: Sequence[FleetView]) -> Targets:
    """Return the initial targets of those fleets that are still there. Pure.

    A fleet of the search service counts even if it is newer: it replaced a former one, as after a restart of the
    platform without its records."""
    kept = [fleet for fleet in fleets if fleet.id in initial or SHARD_TAG in fleet.tags]
    return {fleet.id: initial.get(fleet.id, fleet.target) for fleet in kept}


def surplus(world: CloudState, initial: Targets) -> tuple[str, ...]:
    """Return the instances to terminate: those of no initial fleet, and those that neither run nor start. Pure."""
    return tuple(
        view.id
        for view in world.present
        if view.state != "shutting-down" and (view.fleet not in initial or view.state not in ("pending", "running"))
    )


def extra_instances(world: CloudState, initial: Targets) -> tuple[InstanceView, ...]:
    """Return the instances that belong to no initial fleet: people launched them. Pure."""
    return tuple(view for view in world.present if view.state != "shutting-down" and view.fleet not in initial)


async def start_over(session: Session, initial: Targets, *, seed: int) -> float:
    """End experiments, restore fleets and load, and wait until all instances serve; return the seconds that took."""
    started = time.monotonic()
    cloud = session.cloud
    await session.experiments.close()
    stopping = asyncio.create_task(session.load.stop())
    try:
        for fault in [each for faults in session.watcher.state.faults.values() for each in faults]:
            with contextlib.suppress(Conflict, NotFound):
                await cloud.end_fault(fault_id=fault.fault_id)
        fleets = await cloud.describe_fleets()
        initial = present_targets(initial, fleets)
        await _restore_fleets(cloud, fleets, initial)
        if extra := surplus(session.watcher.state, initial):
            await cloud.terminate_instances(extra)
        await session.watcher.until(
            lambda world: _restored(world, initial), deadline_s=DEADLINE_S, what="every instance's return"
        )
        serving = frozenset(view.id for view in session.watcher.state.running if shard_of(view) is not None)
        await session.service.wait_for_rotation(lambda ids: serving <= ids, deadline_s=DEADLINE_S)
    finally:
        await stopping
    await session.start_load(DEFAULT_RATE, seed=seed)
    return time.monotonic() - started


async def _restore_fleets(cloud: CloudClient, fleets: Sequence[FleetView], initial: Targets) -> None:
    for fleet in fleets:
        target = initial.get(fleet.id)
        if target is None:
            await cloud.delete_fleets([fleet.id])
        elif target != fleet.target:
            await cloud.modify_fleet(fleet.id, target=target)


def _restored(world: CloudState, initial: Targets) -> bool:
    """Whether the initial number of instances runs and no other instance does."""
    running = [view for view in world.running if view.fleet in initial]
    others = [view for view in world.present if view.fleet not in initial and view.state == "running"]
    return len(running) == sum(initial.values()) and not others
