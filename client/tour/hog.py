"""The hog: one instance burns all CPU it can get; what the others' users notice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from client.tour.results import HogPlan, HogResult, Stage
from client.tour.session import Session
from client.verdicts import judge_hog
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError

_SETTLE_S = 1.0
_END_DEADLINE_S = 5.0


async def hog_one(session: Session, victim: InstanceView, plan: HogPlan, told: Callable[[Stage], None]) -> HogResult:
    """Raises the load, lets the instance go wild for a while and puts the load back; `told` hears each stage.

    Raises CloudErrors; the load is put back in any case, and the hog ends by itself."""
    usual = session.rate_per_s
    try:
        return await _hog(session, victim, plan, told)
    finally:
        with contextlib.suppress(CloudError):
            await session.set_rate(usual)


async def _hog(session: Session, victim: InstanceView, plan: HogPlan, told: Callable[[Stage], None]) -> HogResult:
    load = session.load
    await session.set_rate(max(plan.rate_per_s, session.rate_per_s))
    told(Stage.BEFORE)
    await asyncio.sleep(min(_SETTLE_S, plan.before_s / 4))
    start = await load.mark("before the hog")
    await asyncio.sleep(plan.before_s)
    told(Stage.DURING)
    begun = await load.mark(f"hog in {victim.id}")
    await session.cloud.hog_cpu(victim.id, seconds=plan.hog_s, workers_per_vcpu=plan.workers_per_vcpu)
    await asyncio.sleep(plan.hog_s)
    ended = await load.mark("the hog's time is over")
    told(Stage.AFTER)
    await _until_over(session, victim.id)
    over = await load.mark("after the hog")
    await asyncio.sleep(plan.after_s)
    during = await load.window(begun.at, ended.at)
    before = await load.window(start.at, begun.at)
    return HogResult(
        instance_id=victim.id,
        before=before,
        during=during,
        after=await load.window(over.at, time.time()),
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
