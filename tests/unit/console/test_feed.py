"""What is heard becomes what is told: requests that stay findable, who answers, and that the console is alive."""

from __future__ import annotations

import asyncio
import contextlib
import time

from client.cloud_state import CloudState
from client.console.feed import SILENT_S_MAX, Feed
from client.console.remembered import REQUESTS_KEPT, Remembered
from client.console.rows import CONSOLE_AGENT, LOAD_AGENT
from client.experiments.results import Failure, Progress, Step
from server.api.flow import FlowRecord
from server.api.timing import RequestTrace
from tests.unit.client.client_builders import instance


def record(number: int, agent: str) -> FlowRecord:
    trace = RequestTrace(trace_id=f"{number:032x}", total_ms=1.0, frontend_ms=0.1, attempts=())
    return FlowRecord(at=1.0, query="kvm", status=200, partial=False, agent=agent, trace=trace)


def feed() -> Feed:
    return Feed(CloudState(), links={}, why="")


def test_load_pushes_out_no_request_that_somebody_sent() -> None:
    told, load = feed(), range(10, 10 + REQUESTS_KEPT + 1)
    told.on_request(record(1, "curl/8.5.0"))
    told.on_request(record(2, CONSOLE_AGENT), mine=True, headers=[])
    for number in load:
        told.on_request(record(number, LOAD_AGENT))
    assert [told.request(f"{number:032x}") is not None for number in (1, 2, load[0], load[-1])] == [
        True,
        True,
        False,
        True,
    ]


def test_the_last_of_people_are_kept_and_one_that_was_looked_at_longer() -> None:
    kept = Remembered(keep=2)
    kept.add({"id": "a", "source": "curl"})
    kept.add({"id": "b", "source": "you"})
    assert kept.find("a") is not None
    kept.add({"id": "c", "source": "browser"})
    assert [kept.find(key) is not None for key in "abc"] == [True, False, True]


def test_what_only_the_console_knows_outlives_the_front_ends_sample() -> None:
    told = feed()
    told.on_request(record(1, CONSOLE_AGENT), mine=True, headers=[["server", "x"]])
    told.on_request(record(1, CONSOLE_AGENT))
    row = told.request(f"{1:032x}")
    assert row is not None
    assert (row["mine"], row["headers"]) == (True, [["server", "x"]])


def test_who_stops_answering_is_entered_once_and_so_is_that_it_answers_again() -> None:
    told = feed()
    for answers in (True, False, False, True, True):
        told.on_answering("service", answers)
    told.on_answering("platform", False)
    assert [(row["text"], row["tone"]) for row in told.snapshot()["log"]] == [
        ("the search front end does not answer", "bad"),
        ("the search front end answers again", "good"),
        ("the platform does not answer", "bad"),
    ]


async def test_a_reader_of_a_quiet_cloud_hears_that_the_console_is_alive() -> None:
    told = feed()
    told.snapshot()
    running = asyncio.create_task(told.run())
    try:
        with told.hub.subscribe() as heard:
            async with asyncio.timeout(SILENT_S_MAX + 5):
                event = await anext(heard)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert (event.kind, list(event.data)) == ("batch", ["now"])


def test_a_sleep_is_named_and_an_experiment_over_it_has_no_verdict() -> None:
    def step(number: int, what: Progress | Failure) -> Step:
        return Step(
            number=number, by="the console", experiment="kill", title="kill", instance_id=instance(0).id,
            ends_instance=True, what=what,
        )  # fmt: skip

    told, started = feed(), Progress(action="killed it", stage="waiting until the platform notices")
    now = time.time()
    told.look_at_the_clock(now)
    told.on_step(step(1, started))
    assert told.snapshot()["experiment"]["sentence"] == "waiting until the platform notices"
    told.look_at_the_clock(now + 62.0)
    told.on_step(step(1, Failure(error="lost 3 requests")))
    board = told.snapshot()
    assert board["verdict"]["sentence"] == "inconclusive: this computer slept 60 s meanwhile"
    assert board["log"][0]["text"] == "this computer slept 60 s; figures of that time are left out"
    told.on_step(step(2, started))
    told.on_step(step(2, Failure(error="refused")))
    assert told.snapshot()["verdict"]["sentence"] == "refused"
