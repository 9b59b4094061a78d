"""The noisy neighbor experiment: a CPU hog runs in one instance. Do its neighbors get the CPU that they need?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

from client.experiments.cpu_isolation import Isolation, judge_isolation, window_of
from client.experiments.experiment import MEASURING, Report, SystemUnderTest, mark_load, measure_window
from client.experiments.results import Progress, Result, Row
from client.experiments.slowdown import client_rows
from client.load.run_result import Mark
from client.load.summary import Summary
from vmhost.api.parameters import parameter
from vmhost.api.views import CpuView, FaultView, HostView, InstanceView
from vmhost.base.errors import CloudError, NotFound

RATE_PER_S = 200.0
"""A p99 needs 1,000 requests of the other instances in each window."""
_SETTLE_S = 2.0
_RAMP = 0.06
"""The part of the hog's time at either end that is not measured."""
_END_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyNeighbor:
    """Runs a CPU hog in an instance, with windows before, during and after it: less than 30 s in total."""

    name: ClassVar[str] = "noisy_neighbor"
    title: ClassVar[str] = "CPU hog"
    summary: ClassVar[str] = "uses all the CPU it gets; isolation protects the others"
    button: ClassVar[str] = "Hog one"
    key: ClassVar[str] = "h"
    fault: ClassVar[str] = "cpu_hog"
    ends_instance: ClassVar[bool] = False

    rate_per_s: float = RATE_PER_S
    before_s: float = 8.0
    # The platform would refuse what is out of its bounds only after the window before the hog was measured.
    seconds: float = parameter(8.0, label="seconds", least=1, most=60, unit="s")
    after_s: float = 5.0
    workers_per_vcpu: int = parameter(8, label="busy loops per vCPU", least=1, most=64)

    async def run(self, system: SystemUnderTest, victim: InstanceView, report: Report) -> Result:
        """Raise the load, measure a control window, run the hog, and restore the load.

        If no load runs, one is sent for this: without traffic the neighbors need no CPU. Users in a closed loop stay as
        they are. Raises CloudErrors, Conflict if the load ends meanwhile; the hog ends by itself in any case."""
        async with _enough_load(system, self.rate_per_s):
            return await self._measure(system, victim, report)

    async def _measure(self, system: SystemUnderTest, victim: InstanceView, report: Report) -> Result:
        load, host, action = system.load, _host(system, victim), f"chose {victim.id} for a CPU hog"
        report(Progress(action=action, stage=f"measuring at {self.rate_per_s:.0f} requests/s first"))
        await asyncio.sleep(min(_SETTLE_S, self.before_s / 4))
        calm, cpu_calm = await read_cpu(system, f"{MEASURING} before the CPU hog")
        await asyncio.sleep(self.before_s)
        start, cpu_start = await read_cpu(system, f"CPU hog in {victim.id}")
        report(
            Progress(action=action, stage=f"it uses all the CPU it can get for {self.seconds:.0f} s; watch the others")
        )
        fault = await system.cloud.inject_fault(
            self.fault, victim.id, seconds=self.seconds, workers_per_vcpu=self.workers_per_vcpu
        )
        # Its loops start one after the other and all end at the same time: exclude both ends from the window.
        await asyncio.sleep(self.seconds * _RAMP)
        hogging, cpu_hogging = await read_cpu(system, f"{MEASURING} during the CPU hog")
        await asyncio.sleep(self.seconds * (1 - 2 * _RAMP))
        ended, cpu_ended = await read_cpu(system, f"{MEASURING} ends")
        report(Progress(action=action, stage="the hog has ended; measuring how the others recover"))
        await _until_over(system, fault)
        over = await mark_load(load, f"{MEASURING} after the CPU hog")
        await asyncio.sleep(self.after_s)
        before = await measure_window(load, calm.at, start.at)
        during = await measure_window(load, hogging.at, ended.at)
        after = await measure_window(load, over.at, time.time())
        state = system.watcher.state
        isolation = judge_isolation(
            hog=state.instances.get(victim.id, victim),
            requested_cores=int(fault.details["workers"]),
            instances=state.running,
            host=host,
            enforced=state.enforces("cpu", victim.host),
            control=window_of(cpu_calm, cpu_start, before, host),
            beside=window_of(cpu_hogging, cpu_ended, during, host),
        )
        return result_of(victim.id, isolation, before=before, during=during, after=after)


def result_of(victim: str, isolation: Isolation, *, before: Summary, during: Summary, after: Summary) -> Result:
    """Return the result of the measured windows. Pure."""
    p99s = (window.others(victim).p99 for window in (before, during, after))
    figures = ", ".join("-" if value is None else f"{value:.1f}" for value in p99s)
    return Result(
        experiment=NoisyNeighbor.name,
        instance_id=victim,
        action=f"ran a CPU hog in {victim}",
        account=f"{during.failed} of {during.offered} requests lost; "
        f"p99 of the others before, during, after: {figures} ms",
        verdict=isolation.outcome.value,
        held=isolation.held,
        reason=isolation.reason,
        rows=(
            *_isolation_rows(isolation),
            *client_rows(victim, whole=during, before=before, during=during, after=after),
        ),
        phases={"before hog": before, "hog": during, "after hog": after},
    )


def _isolation_rows(isolation: Isolation) -> list[Row]:
    rows = []
    if (hog := isolation.hog) is not None:
        rows.append(
            Row(
                label=f"CPU of the hog, of {hog.requested_cores:g} cores requested, limit {hog.limit_cores:.2f}",
                unit="cores", during=hog.received_cores, instance_id=hog.instance_id, bad=hog.exceeds_its_limit,
            )
        )  # fmt: skip
    for each in isolation.neighbors:
        waits = each.wait_ms or (None, None)
        blame = f", delayed by {each.culprit}" if each.culprit else ""
        per = "response" if each.answers else "second"
        rows.append(
            Row(
                label=f"neighbor {each.instance_id}{blame}: waits for a core, per {per}",
                unit="ms", before=waits[0], during=waits[1], instance_id=each.instance_id, bad=each.delayed,
            )
        )  # fmt: skip
    return rows


@contextlib.asynccontextmanager
async def _enough_load(system: SystemUnderTest, rate_per_s: float) -> AsyncIterator[None]:
    load = system.load
    if not load.running:
        await load.start(await system.plan_load(rate_per_s))
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
        await load.set_rate(max(rate_per_s, usual))
        yield
    finally:
        with contextlib.suppress(CloudError):
            await load.set_rate(usual)


async def read_cpu(system: SystemUnderTest, text: str) -> tuple[Mark, CpuView]:
    """Mark the load and read the CPU counters at that moment."""
    mark = await mark_load(system.load, text)
    return mark, await system.cloud.cpu()


def _host(system: SystemUnderTest, instance: InstanceView) -> HostView:
    snapshot = system.watcher.state.snapshot
    for host in () if snapshot is None else snapshot.hosts:
        if host.id == instance.host:
            return host
    raise NotFound(f"host {instance.host} of {instance.id} is not known; wait until the platform responds")


async def _until_over(system: SystemUnderTest, fault: FaultView) -> None:
    """Wait until the platform reports the hog's end; continue without it after a while."""
    with contextlib.suppress(CloudError):
        await system.watcher.until(
            lambda state: all(each.fault_id != fault.fault_id for each in state.faults.get(fault.instance_id, ())),
            deadline_s=_END_DEADLINE_S, what="the hog's end",
        )  # fmt: skip
