"""The CPU hog experiment: one instance uses all the CPU it can get; do its neighbors get what they ask for?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from client.experiments.cpu_isolation import judge_isolation, window_of
from client.experiments.measure import mark_load, measure_window
from client.experiments.results import HogPlan, HogProgress, HogResult, Stage
from client.load.summary import Mark
from vmhost.api.views import CpuView, HostView, InstanceView
from vmhost.base.errors import CloudError, NotFound

if TYPE_CHECKING:
    from client.session import Session

_SETTLE_S = 2.0
_RAMP = 0.06
"""The part of the hog's time at either end that is not measured."""
_END_DEADLINE_S = 5.0


async def run_cpu_hog(
    session: Session, victim: InstanceView, plan: HogPlan, told: Callable[[HogProgress], None]
) -> HogResult:
    """Raises the load, measures a control window, hogs the instance's CPU, and puts the load back; `told` hears each
    stage.

    Where no load runs, the usual one is sent meanwhile: without traffic the neighbors ask for no CPU. Users in a closed
    loop stay as they are. Raises CloudErrors, Conflict where the load ends meanwhile; the load is put back in any case,
    and the hog ends by itself."""
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
    load, host = session.load, _host(session, victim)
    told(HogProgress(victim=victim, stage=Stage.BEFORE, plan=plan))
    await asyncio.sleep(min(_SETTLE_S, plan.before_s / 4))
    start, cpu_start = await reading(session, "before the CPU hog")
    await asyncio.sleep(plan.before_s)
    begun, cpu_begun = await reading(session, f"CPU hog in {victim.id}")
    told(HogProgress(victim=victim, stage=Stage.DURING, plan=plan))
    fault = await session.cloud.hog_cpu(victim.id, seconds=plan.hog_s, workers_per_vcpu=plan.workers_per_vcpu)
    # Its loops are started one after the other, and all end at its time: neither belongs to the window.
    await asyncio.sleep(plan.hog_s * _RAMP)
    hogging, cpu_hogging = await reading(session, "CPU hog at work")
    await asyncio.sleep(plan.hog_s * (1 - 2 * _RAMP))
    ended, cpu_ended = await reading(session, "CPU hog ends")
    told(HogProgress(victim=victim, stage=Stage.AFTER, plan=plan))
    await _until_over(session, victim.id)
    over = await mark_load(load, "after the CPU hog")
    await asyncio.sleep(plan.after_s)
    before = await measure_window(load, start.at, begun.at)
    during = await measure_window(load, hogging.at, ended.at)
    cloud_state = session.watcher.state
    return HogResult(
        instance_id=victim.id,
        before=before,
        during=during,
        after=await measure_window(load, over.at, time.time()),
        isolation=judge_isolation(
            hog=cloud_state.instances.get(victim.id, victim),
            requested_cores=fault.workers,
            instances=cloud_state.running,
            host=host,
            enforced=cloud_state.enforces("cpu"),
            control=window_of(cpu_start, cpu_begun, before, host),
            beside=window_of(cpu_hogging, cpu_ended, during, host),
        ),
    )


async def reading(session: Session, text: str) -> tuple[Mark, CpuView]:
    """Marks the load's course and reads the CPU's counters at that moment."""
    mark = await mark_load(session.load, text)
    return mark, await session.cloud.cpu()


def _host(session: Session, instance: InstanceView) -> HostView:
    snapshot = session.watcher.state.snapshot
    hosts = () if snapshot is None else snapshot.hosts
    for host in hosts:
        if host.id == instance.host:
            return host
    raise NotFound(f"host {instance.host} of {instance.id} is not known; wait until the platform answers")


async def _until_over(session: Session, instance_id: str) -> None:
    """Waits for the platform to say that the hog ended; goes on without it after a while."""
    with contextlib.suppress(CloudError):
        await session.watcher.until(
            lambda cloud_state: instance_id not in cloud_state.hogging, deadline_s=_END_DEADLINE_S, what="the hog's end"
        )
