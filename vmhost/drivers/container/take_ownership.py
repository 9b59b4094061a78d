"""Takes ownership of a cloud's name on an engine: what other platforms left under it is adopted or removed, or the
platform refuses to start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vmhost.base.errors import Conflict, NotFound
from vmhost.base.logs import get_logger
from vmhost.drivers.container import labels
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import EngineNetwork, ListedContainer
from vmhost.drivers.container.network import remove_network
from vmhost.drivers.container.own_location import own_container
from vmhost.drivers.container.ownership import (
    Decision,
    ForeignObject,
    Owner,
    OwnerStatus,
    Presence,
    container_of,
    decide,
    home_of,
    is_present,
    owner_id,
    take_id,
)
from vmhost.drivers.context import DriverContext

_log = get_logger("driver")


async def take_ownership(engine: Engine, context: DriverContext) -> tuple[Owner, Presence]:
    """Return our owner identity and hold our presence, after other platforms' objects of this cloud have been adopted
    or removed.

    Raises Conflict, with nothing changed, when they have to stay."""
    own = await own_container(engine)
    home = home_of(own[0] if own else "")
    owner = Owner(id=owner_id(context.state_dir), home=home, known=context.known)
    if foreign := await _strangers(engine, context.cloud, owner):
        if decide(foreign, context.leftovers, context.cloud) is Decision.TAKE_OVER:
            owner = replace(owner, id=take_id(context.state_dir, foreign[0].owner))
        else:
            _log.warning("leftovers_removed", cloud=context.cloud, guests=sum(one.is_guest for one in foreign))
            await _remove_strangers(engine, context.cloud, foreign)
    presence = Presence(owner.id)
    if not presence.take():
        raise Conflict(
            f"another platform runs with the same id as the state folder {context.state_dir}; if the folder is a copy, "
            f"remove its file {context.state_dir / 'owner'}"
        )
    return owner, presence


async def _strangers(engine: Engine, cloud: str, owner: Owner) -> tuple[ForeignObject, ...]:
    found: list[ListedContainer | EngineNetwork] = [*await engine.list(f"{labels.CLOUD}={cloud}")]
    found += [one for one in await engine.networks() if one.labels.get(labels.CLOUD) == cloud]
    theirs = [one for one in found if not owner.owns(one.labels)]
    homes = {(one.labels.get(labels.OWNER, ""), one.labels.get(labels.HOME, "")) for one in theirs}
    lives = {who: await _life(engine, *who, owner.home) for who in homes}
    return tuple(
        ForeignObject(
            id=one.id,
            labels=one.labels,
            life=lives[one.labels.get(labels.OWNER, ""), one.labels.get(labels.HOME, "")],
            is_network=isinstance(one, EngineNetwork),
        )
        for one in theirs
    )


async def _life(engine: Engine, owner: str, home: str, here: str) -> OwnerStatus:
    """Return whether the platform with this id, which made something while it ran at this home, still runs."""
    if not owner:
        return OwnerStatus.UNKNOWN
    if is_present(owner):
        return OwnerStatus.RUNS
    if container := container_of(home):
        try:
            return OwnerStatus.RUNS if home != here and (await engine.inspect(container)).running else OwnerStatus.GONE
        except NotFound:
            return OwnerStatus.GONE
    return OwnerStatus.GONE if home == here else OwnerStatus.UNKNOWN


async def _remove_strangers(engine: Engine, cloud: str, foreign: Sequence[ForeignObject]) -> None:
    await remove_containers(engine, [one.id for one in foreign if not one.is_network])
    for one in foreign:
        if one.is_network:
            await remove_network(engine, cloud, one.id)


async def remove_containers(engine: Engine, ids: Iterable[str]) -> None:
    ends = await asyncio.gather(*(_remove_container(engine, one) for one in ids), return_exceptions=True)
    for failure in ends:
        if failure is not None:
            raise failure


async def _remove_container(engine: Engine, container_id: str) -> None:
    with contextlib.suppress(NotFound):
        await engine.remove(container_id)
