"""The published state: stored requests, reachability, heartbeats, and experiments."""

from __future__ import annotations

import asyncio
import contextlib
import time

from client.cloud_state import CloudState
from client.console.publisher import SILENT_S_MAX, Publisher
from client.console.serialize import CONSOLE_AGENT, LOAD_AGENT
from client.console.state import REQUESTS_KEPT, RequestCache
from client.experiments.results import Failure, Progress, Step
from server.api.flow import FlowRecord
from server.api.timing import RequestTrace
from tests.unit.client.client_builders import instance


def record(number: int, agent: str) -> FlowRecord:
    trace = RequestTrace(trace_id=f"{number:032x}", total_ms=1.0, frontend_ms=0.1, attempts=())
    return FlowRecord(at=1.0, query="kvm", status=200, partial=False, agent=agent, trace=trace)


def publisher() -> Publisher:
    return Publisher(CloudState(), links={}, why="")


def test_load_does_not_push_out_other_requests() -> None:
    page, load = publisher(), range(10, 10 + REQUESTS_KEPT + 1)
    page.on_request(record(1, "curl/8.5.0"))
    page.on_request(record(2, CONSOLE_AGENT), mine=True, headers=[])
    for number in load:
        page.on_request(record(number, LOAD_AGENT))
    assert [page.request(f"{number:032x}") is not None for number in (1, 2, load[0], load[-1])] == [
        True,
        True,
        False,
        True,
    ]


def test_viewed_request_is_kept_longer() -> None:
    kept = RequestCache(keep=2)
    kept.add({"id": "a", "source": "curl"})
    kept.add({"id": "b", "source": "you"})
    assert kept.find("a") is not None
    kept.add({"id": "c", "source": "browser"})
    assert [kept.find(key) is not None for key in "abc"] == [True, False, True]


def test_console_fields_survive_the_front_ends_sample() -> None:
    page = publisher()
    page.on_request(record(1, CONSOLE_AGENT), mine=True, headers=[["server", "x"]])
    page.on_request(record(1, CONSOLE_AGENT))
    row = page.request(f"{1:032x}")
    assert row is not None
    assert (row["mine"], row["headers"]) == (True, [["server", "x"]])


def test_reachability_change_logged_once() -> None:
    page = publisher()
    for answers in (True, False, False, True, True):
        page.on_reachable("service", answers)
    page.on_reachable("platform", False)
    assert [(row["text"], row["tone"]) for row in page.snapshot()["log"]] == [
        ("the search front end does not respond", "bad"),
        ("the search front end responds again", "good"),
        ("the platform does not respond", "bad"),
    ]


async def test_heartbeat_when_nothing_changes() -> None:
    page = publisher()
    page.snapshot()
    running = asyncio.create_task(page.run())
    try:
        with page.hub.subscribe() as events:
            async with asyncio.timeout(SILENT_S_MAX + 5):
                event = await anext(events)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert (event.kind, list(event.data)) == ("batch", ["now"])


def test_experiment_inconclusive_after_sleep() -> None:
    def step(number: int, what: Progress | Failure) -> Step:
        return Step(
            number=number, by="the console", experiment="kill", title="kill", instance_id=instance(0).id,
            ends_instance=True, what=what,
        )  # fmt: skip

    page, started = publisher(), Progress(action="killed it", stage="waiting until the platform notices")
    now = time.time()
    page.check_clock(now)
    page.on_step(step(1, started))
    assert page.snapshot()["experiment"]["sentence"] == "waiting until the platform notices"
    page.check_clock(now + 62.0)
    page.on_step(step(1, Failure(error="lost 3 requests")))
    state = page.snapshot()
    assert state["verdict"]["sentence"] == "inconclusive: this computer slept 60 s meanwhile"
    assert state["log"][0]["text"] == "this computer slept 60 s; figures of that time are left out"
    page.on_step(step(2, started))
    page.on_step(step(2, Failure(error="refused")))
    assert page.snapshot()["verdict"]["sentence"] == "refused"
