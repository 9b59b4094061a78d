"""The tour without a person: up, load, a hard kill, a hog, more load, down; then a verdict that can fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from client.experiments.kill import choose_victim
from client.experiments.measure import mark_load, measure_window
from client.experiments.results import HogPlan, HogResult, KillResult, shortened
from client.local.local_plan import LocalPlan
from client.local.supervised_cloud import SupervisedCloud, own_cloud, sweep_abandoned_demos
from client.process_tree import ProcessInfo, process_tree, still_running
from client.session import Session, open_session
from client.tour.tour_report import TourPlan, TourReport, report_json, report_lines
from vmhost.api.access import Access
from vmhost.base.ids import short_ids

TOUR = "the tour"

Say = Callable[[str], None]


async def run_tour(plan: LocalPlan, tour: TourPlan, *, as_json: bool) -> int:
    """Takes the tour and prints its report; 0 if nothing of the others was lost and nothing is left behind."""
    report = await _tour(plan, tour, _say)
    print(json.dumps(report_json(report), indent=2) if as_json else "\n".join(report_lines(report)), flush=True)
    return 0 if report.good else 1


async def _tour(plan: LocalPlan, tour: TourPlan, say: Say) -> TourReport:
    await sweep_abandoned_demos()
    began = time.monotonic()
    programs: dict[int, ProcessInfo] = {}
    async with own_cloud(plan, say) as supervisor:
        up_s = time.monotonic() - began
        say(f"up after {up_s:.1f} s: {supervisor.facts.search}/search?q=hypervisor")
        async with _told(supervisor, say), _session(supervisor) as session:
            report = await _phases(session, tour, say)
            programs = process_tree(supervisor.facts.supervisor)
        say("down")
    left = (*still_running(programs), *await _left_in_engine(supervisor))
    return replace(report, up_s=up_s, left_behind=left)


async def _phases(session: Session, tour: TourPlan, say: Say) -> TourReport:
    rng = random.Random(tour.seed)
    say(f"load: {tour.rate_per_s:g} requests a second for {tour.seconds:g} s")
    await session.start_load(tour.rate_per_s, seed=tour.seed)
    start = await mark_load(session.load, "quiet")
    await asyncio.sleep(tour.seconds)
    calm = await mark_load(session.load, "kill phase")
    kill = await _kill_in_the_middle(session, tour, rng, say)
    hogged = await mark_load(session.load, "hog phase")
    hog = await _hog(session, tour, rng, say)
    more = await mark_load(session.load, "more load")
    say(shortened(hog.judgement.sentence, short_ids(session.watcher.state.instances)))
    say("more load")
    await asyncio.sleep(tour.seconds / 2)
    phases = {
        "quiet": await measure_window(session.load, start.at, calm.at),
        "kill": await measure_window(session.load, calm.at, hogged.at),
        "before hog": hog.before,
        "hog": hog.during,
        "after hog": hog.after,
        "more": await measure_window(session.load, more.at, time.time()),
    }
    outcome = await session.stop_load()
    assert outcome is not None, "it has been measured until now"
    snapshot = session.watcher.state.snapshot
    assert snapshot is not None
    return TourReport(
        plan=tour,
        driver=snapshot.driver,
        stands_for=snapshot.stands_for,
        phases=phases,
        kill=kill,
        hog=hog,
        load=outcome,
    )


async def _kill_in_the_middle(session: Session, tour: TourPlan, rng: random.Random, say: Say) -> KillResult:
    began = time.monotonic()
    await asyncio.sleep(tour.seconds / 2)
    victim = choose_victim(session.watcher.state, rng)
    short = short_ids(session.watcher.state.instances)[victim.id]
    say(f"killing {short}")
    result = await session.experiments.kill(victim, by=TOUR)
    say(shortened(result.judgement.sentence, {victim.id: short}))
    await asyncio.sleep(max(0.0, tour.seconds - (time.monotonic() - began)))
    return result


async def _hog(session: Session, tour: TourPlan, rng: random.Random, say: Say) -> HogResult:
    victim = choose_victim(session.watcher.state, rng)
    plan = HogPlan(
        rate_per_s=tour.rate_per_s, before_s=tour.seconds * 0.8, hog_s=tour.seconds, after_s=tour.seconds / 2
    )
    say(f"running a CPU hog in {short_ids(session.watcher.state.instances)[victim.id]} for {plan.hog_s:g} s")
    return await session.experiments.hog(victim, plan, by=TOUR)


@contextlib.asynccontextmanager
async def _told(supervisor: SupervisedCloud, say: Say) -> AsyncIterator[None]:
    """Says what the supervisor tells meanwhile; its giving up ends the block."""

    async def tell() -> None:
        async for text in supervisor.messages():
            say(text)

    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(tell())
        yield
        telling.cancel()


@contextlib.asynccontextmanager
async def _session(supervisor: SupervisedCloud) -> AsyncIterator[Session]:
    facts = supervisor.facts
    access = Access.load(Path(facts.access), environ={})
    async with open_session(access, facts.search, queries=Path(facts.queries)) as session:
        yield session


async def _left_in_engine(supervisor: SupervisedCloud) -> tuple[str, ...]:
    from client.doctor.engine_probe import labelled_objects

    if supervisor.facts.driver != "container":
        return ()
    return await labelled_objects(supervisor.facts.cloud)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
