"""The hog: one instance burns all CPU it can get; what the others' users notice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from client.tour.measuring import marked, measured
from client.tour.results import HogPlan, HogProgress, HogResult, Stage
from client.verdicts import judge_hog
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError

if TYPE_CHECKING:
    from client.tour.session import Session

_SETTLE_S = 1.0
_END_DEADLINE_S = 5.0


async def hog_one(
    session: Session, victim: InstanceView, plan: HogPlan, told: Callable[[HogProgress], None]
) -> HogResult:
    """Raises the load, lets the instance go wild for a while and puts the load back; `told` hears each stage.

    Where no load runs, the usual one is sent for its time: without traffic nobody could tell whom it hurts. Users in a
    closed loop stay as they are. Raises CloudErrors, Conflict where the load ends meanwhile; the load is put back in
    any case, and the hog ends by itself."""
    async with _enough_load(session, plan):
        return await _hog(session, victim, plan, told)


@contextlib.asynccontextmanager
async def _enough_load(session: Session, plan: HogPlan) -> AsyncIterator[None]:
    load = session.load
    if not load.running:
        await load.start(await session.plan_load(plan.rate_per_s))
        try:
            yield
        finally:
            await load.stop()
        return
    if load.plan is None or load.plan.open is None:
        yield
        return
    usual = load.rate_per_s
    try:
        await load.set_rate(max(plan.rate_per_s, usual))
        yield
    finally:
        with contextlib.suppress(CloudError):
            await load.set_rate(usual)


async def _hog(session: Session, victim: InstanceView, plan: HogPlan, told: Callable[[HogProgress], None]) -> HogResult:
    load = session.load
    told(HogProgress(victim=victim, stage=Stage.BEFORE, plan=plan))
    await asyncio.sleep(min(_SETTLE_S, plan.before_s / 4))
    start = await marked(load, "before the hog")
    await asyncio.sleep(plan.before_s)
    told(HogProgress(victim=victim, stage=Stage.DURING, plan=plan))
    begun = await marked(load, f"hog in {victim.id}")
    await session.cloud.hog_cpu(victim.id, seconds=plan.hog_s, workers_per_vcpu=plan.workers_per_vcpu)
    await asyncio.sleep(plan.hog_s)
    ended = await marked(load, "the hog's time is over")
    told(HogProgress(victim=victim, stage=Stage.AFTER, plan=plan))
    await _until_over(session, victim.id)
    over = await marked(load, "after the hog")
    await asyncio.sleep(plan.after_s)
    during = await measured(load, begun.at, ended.at)
    before = await measured(load, start.at, begun.at)
    return HogResult(
        instance_id=victim.id,
        before=before,
        during=during,
        after=await measured(load, over.at, time.time()),
        judgement=judge_hog(
            victim=victim.id, before=before, during=during, enforced=session.watch.world.enforces("cpu")
        ),
    )


async def _until_over(session: Session, instance_id: str) -> None:
    """Waits for the platform to say that the hog ended; goes on without it after a while."""
    with contextlib.suppress(CloudError):
        await session.watch.until(
            lambda world: instance_id not in world.hogging, deadline_s=_END_DEADLINE_S, what="the hog's end"
        )
