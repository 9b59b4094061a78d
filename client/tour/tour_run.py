"""The tour, a demo without a person: start a cloud, send load, run each experiment, stop, and report."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil

from client.experiments.experiment import Experiment, choose_victim, mark_load, measure_window
from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor
from client.experiments.results import Result, shortened
from client.local.local_plan import LocalPlan
from client.local.supervised_cloud import SupervisedCloud, own_cloud, sweep_abandoned_demos
from client.process_tree import process_tree, still_running
from client.session import Session, open_session
from client.tour.tour_report import TourPlan, TourReport, report_json, report_lines
from vmhost.api.access import Access
from vmhost.api.drivers import list_objects
from vmhost.base.ids import short_ids

TOUR = "the tour"

Say = Callable[[str], None]


async def run_tour(plan: LocalPlan, tour: TourPlan, *, as_json: bool) -> int:
    """Run the tour and print its report; return 0 if it passed."""
    report = await _tour(plan, tour, _say)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report_json(report)), indent=2).decode(), flush=True)
    else:
        print("\n".join(report_lines(report)), flush=True)
    return 0 if report.good else 1


async def _tour(plan: LocalPlan, tour: TourPlan, say: Say) -> TourReport:
    await sweep_abandoned_demos()
    began = time.monotonic()
    programs: tuple[psutil.Process, ...] = ()
    async with own_cloud(plan, say) as supervisor:
        up_s = time.monotonic() - began
        say(f"up after {up_s:.1f} s: {supervisor.facts.search}/search?q=hypervisor")
        async with _messages_printed(supervisor, say), _session(supervisor) as session:
            report = await _phases(session, tour, say)
            programs = process_tree(supervisor.facts.supervisor)
        say("down")
    left = (*still_running(programs), *await _left_in_engine(supervisor))
    return replace(report, up_s=up_s, left_behind=left)


async def _phases(session: Session, tour: TourPlan, say: Say) -> TourReport:
    rng = random.Random(tour.seed)
    say(f"load: {tour.rate_per_s:g} requests per second for {tour.seconds:g} s")
    await session.start_load(tour.rate_per_s, seed=tour.seed)
    start = await mark_load(session.load, "baseline")
    await asyncio.sleep(tour.seconds)
    phases = {"baseline": await measure_window(session.load, start.at, time.time())}
    results = [await _experiment(session, experiment, rng, say) for experiment in _experiments(tour)]
    for result in results:
        phases.update(result.phases)
    after = await mark_load(session.load, "load continues")
    say("load continues")
    await asyncio.sleep(tour.seconds / 2)
    phases["end"] = await measure_window(session.load, after.at, time.time())
    outcome = await session.stop_load()
    assert outcome is not None, "it was measured until now"
    snapshot = session.watcher.state.snapshot
    assert snapshot is not None
    return TourReport(
        plan=tour,
        driver=snapshot.driver,
        stands_for=snapshot.stands_for,
        phases=phases,
        results=tuple(results),
        load=outcome,
    )


def _experiments(tour: TourPlan) -> tuple[Experiment, ...]:
    return (
        Kill(after_s=tour.seconds / 2),
        NoisyNeighbor(
            rate_per_s=tour.rate_per_s, before_s=tour.seconds * 0.8, seconds=tour.seconds, after_s=tour.seconds / 2
        ),
    )


async def _experiment(session: Session, experiment: Experiment, rng: random.Random, say: Say) -> Result:
    state = session.watcher.state
    victim, shorts = choose_victim(state, rng), short_ids(state.instances)
    say(f"experiment: {experiment.title} in {shorts[victim.id]}")
    result = await session.experiments.run(experiment, victim, by=TOUR)
    shorts = short_ids(session.watcher.state.instances)
    say(shortened(f"{result.action}: {result.account}", shorts))
    say(shortened(f"  {result.sentence}", shorts))
    return result


@contextlib.asynccontextmanager
async def _messages_printed(supervisor: SupervisedCloud, say: Say) -> AsyncIterator[None]:
    """Print the supervisor's messages meanwhile; the cloud's failure ends the block."""

    async def show() -> None:
        async for text in supervisor.messages():
            say(text)

    async with asyncio.TaskGroup() as tasks:
        showing = tasks.create_task(show())
        yield
        showing.cancel()


@contextlib.asynccontextmanager
async def _session(supervisor: SupervisedCloud) -> AsyncIterator[Session]:
    facts = supervisor.facts
    access = Access.load(Path(facts.access), environ={})
    async with open_session(access, facts.search, queries=Path(facts.queries)) as session:
        yield session


async def _left_in_engine(supervisor: SupervisedCloud) -> tuple[str, ...]:
    left = await list_objects(supervisor.facts.cloud, supervisor.facts.driver)
    return tuple(str(each) for each in left)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
