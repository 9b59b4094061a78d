"""The kill experiment: one instance ends as by a crash; how soon it is noticed and replaced, and what it cost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from client.cloud_state import CloudState, is_replacement, shard_of
from client.experiments.results import KillProgress, KillResult
from client.load.summary import Mark, Summary
from client.verdicts import judge_kill
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, DeadlineExceeded

if TYPE_CHECKING:
    from client.session import Session

SEEN_DEADLINE_S = 10.0
REPLACED_DEADLINE_S = 30.0
BEFORE_S = 10.0
"""The others' usual times are those of so long before the kill, or of as long as the load runs."""
AFTER_S = 2.0
"""The account closes so long after the replacement serves, so that every request under way has ended."""


def choose_victim(cloud_state: CloudState, rng: random.Random) -> InstanceView:
    """One running instance of the search service, any; in a cloud without that service one of the others.

    Raises Conflict when none runs."""
    service = [view for view in cloud_state.present if shard_of(view) is not None]
    candidates = [view for view in cloud_state.running if shard_of(view) is not None or not service]
    if candidates:
        return rng.choice(candidates)
    if service:
        raise Conflict("no instance is running; replacements are starting, try again in a moment")
    raise Conflict("no instance is running; launch or start one first")


async def run_kill(session: Session, victim: InstanceView, told: Callable[[KillProgress], None]) -> KillResult:
    """Kills the instance and follows what becomes of it; `told` hears each step. Raises CloudErrors.

    Without a load it is killed all the same, and nothing is said of losses. One without a fleet has no replacement to
    wait for."""
    progress = KillProgress(victim=victim)
    before = frozenset(session.watcher.state.instances)
    mark = await session.load.mark(f"kill {victim.id}")
    began = time.monotonic()
    told(progress)
    seen = asyncio.ensure_future(_seen(session, victim.id))
    try:
        await session.cloud.kill(victim.id)
        progress = replace(progress, seen_s=await _seconds_until(seen, began))
    finally:
        seen.cancel()
    told(progress)
    alone = victim.fleet is None
    replacement = None if alone else await _replacement(session, victim, before)
    if replacement is not None:
        progress = replace(progress, replaced_s=time.monotonic() - began)
        told(progress)
    mended = await session.load.mark(f"{victim.id} replaced" if replacement else f"{victim.id} not replaced")
    await asyncio.sleep(AFTER_S)
    now = time.time()
    window = await _window(session, mark, now)
    return KillResult(
        instance_id=victim.id,
        replacement_id=replacement,
        seen_s=progress.seen_s,
        replaced_s=progress.replaced_s,
        alone=alone,
        window=window,
        before=await _before(session, mark),
        during=None if mended is None else await _window(session, mark, mended.at),
        after=await _window(session, mended, now),
        judgement=judge_kill(
            instance_id=victim.id,
            seen_s=progress.seen_s,
            replaced_s=progress.replaced_s,
            alone=alone,
            lost=None if window is None else window.failed,
            requests=None if window is None else window.offered,
        ),
    )


async def _before(session: Session, kill: Mark | None) -> Summary | None:
    began = session.load.began
    if kill is None or began is None:
        return None
    return await session.load.window(max(began, kill.at - BEFORE_S), kill.at)


async def _window(session: Session, since: Mark | None, until: float) -> Summary | None:
    return None if since is None else await session.load.window(since.at, until)


async def _seen(session: Session, instance_id: str) -> None:
    def dead(cloud_state: CloudState) -> bool:
        view = cloud_state.instances.get(instance_id)
        return view is None or view.state != "running"

    await session.watcher.until(dead, deadline_s=SEEN_DEADLINE_S, what=f"noticing the death of {instance_id}")


async def _seconds_until(seen: asyncio.Future[None], began: float) -> float | None:
    try:
        await seen
    except DeadlineExceeded:
        return None
    return time.monotonic() - began


async def _replacement(session: Session, victim: InstanceView, before: frozenset[str]) -> str | None:
    """The instance that took the victim's place, once it runs and, if it serves searches, the front end asks it; None
    when none does in time."""

    def news(cloud_state: CloudState) -> list[str]:
        return [view.id for view in cloud_state.running if is_replacement(view, victim, before)]

    try:
        async with asyncio.timeout(REPLACED_DEADLINE_S):
            cloud_state = await session.watcher.until(
                lambda cloud_state: bool(news(cloud_state)),
                deadline_s=REPLACED_DEADLINE_S,
                what=f"replacing {victim.id}",
            )
            heirs = frozenset(news(cloud_state))
            if shard_of(victim) is None:
                return min(heirs)
            await session.service.wait_for_rotation(lambda ids: bool(heirs & ids), deadline_s=REPLACED_DEADLINE_S)
            return min(heirs)
    except (CloudError, TimeoutError):
        return None
