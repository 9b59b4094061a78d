"""The verdict of the CPU hog experiment in three cases: with limits, with limits removed, and without a hog.

An inconclusive verdict counts as a miss: on a quiet computer nothing else can have caused it.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.cpu_usage import call
from bench.measurement import Measurement, at_least, at_most
from bench.platform_setup import require_engine
from client.experiments.cpu_isolation import Isolation, Outcome, judge_isolation, window_of
from client.experiments.experiment import choose_victim, measure_window
from client.experiments.noisy_neighbor import NoisyNeighbor, read_cpu
from client.experiments.results import Result
from client.local.local_plan import LocalPlan
from client.local.supervised_cloud import own_cloud
from client.session import Session, open_session
from vmhost.api.access import Access

ROUNDS = 20
PLAN = NoisyNeighbor(before_s=3.0, seconds=4.0, after_s=0.5)
_WINDOW_S = 3.0
_DEMO_S_MAX = 30.0


async def run() -> list[Measurement]:
    """All measurements of this file, on one cloud of four instances."""
    require_engine()
    cloud = f"bench-{uuid.uuid4().hex[:6]}"
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        plan = LocalPlan(state=folder, cloud=cloud, driver="container", temporary=True, console_port=None)
        async with own_cloud(plan, lambda _: None) as supervisor:
            facts = supervisor.facts
            access = Access.load(Path(facts.access), environ={})
            async with open_session(access, facts.search, queries=Path(facts.queries)) as session:
                await session.start_load(PLAN.rate_per_s)
                whole = await _whole(session)
                isolated = [await _hogged(session) for _ in range(ROUNDS)]
                calm = [found for _ in range(ROUNDS // 2) for found in await _without_a_hog(session)]
                await _remove_limits(cloud)
                leaked = [await _hogged(session) for _ in range(ROUNDS)]
                await session.stop_load()
    pairs = [pair for found in calm for pair in found.pairs]
    return [
        _of(isolated, Outcome.ISOLATED, "CPU hog, limits on: verdicts that say isolated"),
        _of(leaked, Outcome.LEAKED, "CPU hog, limits taken away: verdicts that say leaked"),
        at_most("no hog: instances blamed", len(pairs), 0, f"of {len(calm)} windows", _outcomes(calm)),
        at_most("the experiment as the demo runs it", whole, _DEMO_S_MAX, "s"),
    ]


async def _whole(session: Session) -> float:
    started = time.monotonic()
    await session.experiments.run(NoisyNeighbor(), choose_victim(session.watcher.state, random.Random(1)))
    return time.monotonic() - started


async def _hogged(session: Session) -> Result:
    victim = choose_victim(session.watcher.state, random.Random())
    return await session.experiments.run(PLAN, victim)


async def _without_a_hog(session: Session) -> list[Isolation]:
    """Two consecutive windows on each host, judged as if there had been a hog in the second."""
    start, first = await read_cpu(session, "first window")
    await asyncio.sleep(_WINDOW_S)
    middle, second = await read_cpu(session, "second window")
    await asyncio.sleep(_WINDOW_S)
    end, third = await read_cpu(session, "end")
    before = await measure_window(session.load, start.at, middle.at)
    after = await measure_window(session.load, middle.at, end.at)
    cloud_state = session.watcher.state
    assert cloud_state.snapshot is not None
    return [
        judge_isolation(
            hog=None,
            requested_cores=0,
            instances=cloud_state.running,
            host=host,
            enforced=True,
            control=window_of(first, second, before, host),
            beside=window_of(second, third, after, host),
        )
        for host in cloud_state.snapshot.hosts
    ]


async def _remove_limits(cloud: str) -> None:
    """Let every instance use all cores, without a quota and with equal weights."""
    cores = (await call("docker", "info", "--format", "{{.NCPU}}")).strip()
    found = await call("docker", "ps", "-q", "--filter", f"label=glasscloud.cloud={cloud}", "--filter", "name=-i-")
    options = ("--cpu-quota", "-1", "--cpu-shares", "1024", "--cpuset-cpus", f"0-{int(cores) - 1}")
    await call("docker", "update", *options, *found.split())


def _of(found: Sequence[Result], wanted: Outcome, name: str) -> Measurement:
    count = sum(1 for each in found if each.verdict == wanted)
    return at_least(name, count, len(found), f"of {len(found)}", _outcomes(found))


def _outcomes(found: Sequence[Result | Isolation]) -> str:
    """How often each outcome occurred, and the first reason of each."""
    reasons = [(each.verdict if isinstance(each, Result) else each.outcome.value, each.reason) for each in found]
    counts = Counter(verdict for verdict, _ in reasons)
    first = dict(reversed(reasons))
    return "; ".join(f"{count} x {verdict}: {first[verdict]}" for verdict, count in counts.items())
