"""The state of the load as JSON: its figures, and only the columns that may have changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_builders import BEGAN, metrics, plan, second, snapshot

from client.load.histogram import Histogram, band_of, begins_ms
from client.load.live.live_json import BANDS_MAX, bands_of, live_json
from client.load.summary import Fault


def test_idle_without_a_load() -> None:
    assert live_json(None, None) == {"state": "idle"}


def test_figures_of_a_run() -> None:
    of = metrics(second(0, {2.0: 90}, faults={Fault.RESET: 10}), second(1, {2.0: 100}))
    of.mark("a kill", 1.5)
    told = live_json(snapshot(of, 2.0), plan(), number=3, sent="by 2 workers")
    assert json.loads(json.dumps(told)) == told
    assert (told["state"], told["model"], told["loop"]) == ("running", "open loop, constant 100/s", "open")
    assert (told["rate_per_s"], told["users"], told["elapsed_s"], told["duration_s"]) == (100.0, None, 2.0, 60.0)
    assert (told["number"], told["sent"], told["began"]) == (3, "by 2 workers", BEGAN)
    assert (told["in_flight"], told["waiting"], told["cpu_percent"], told["processes"]) == (3, 0, 12.0, 2)
    assert told["marks"] == [{"at": BEGAN + 1.5, "text": "a kill"}]
    total = told["windows"]["total"]
    assert (total["offered"], total["ok"], total["failed"], total["errors"]) == (200, 190, 10, {"reset": 10})
    assert total["response_ms"] == {"count": 190, "p50": 2.0, "p90": 2.0, "p99": None, "p999": None, "max": 2.0}
    assert set(told["windows"]) == {"moment", "recent", "minute", "total"}


def test_closed_loop_and_ending_state() -> None:
    told = live_json(snapshot(metrics(second(0, {2.0: 1})), 60.0, rate=0.0), plan(users=7))
    assert (told["state"], told["loop"], told["rate_per_s"], told["users"]) == ("ending", "closed", None, 7)


def test_column_counts_requests_by_band() -> None:
    told = live_json(snapshot(metrics(second(0, {0.01: 2, 2.0: 5, 5000.0: 1}, faults={Fault.RESET: 3})), 1.0), plan())
    (column,) = told["columns"]
    assert (column["began_s"], column["seconds"], column["offered"], column["ok"], column["failed"]) == (0, 1, 11, 8, 3)
    edges, bands = told["bands_ms"], column["bands"]
    assert len(edges) == len(bands) + 1
    assert (bands[0], bands[-1], sum(bands)) == (2, 1, 8)
    (middle,) = (number for number, count in enumerate(bands) if count == 5)
    assert edges[middle] <= 2.0 < edges[middle + 1]


def test_reader_gets_changed_columns_only() -> None:
    of = metrics(*(second(number, {2.0: 1}) for number in range(30)))

    def began(since: float | None) -> list[float]:
        return [column["began_s"] for column in live_json(snapshot(of, 30.0), plan(), since=since)["columns"]]

    assert began(None) == list(range(30))
    # The timeout is two seconds: until then a request of an earlier second may still end.
    assert began(29.5) == [26.0, 27.0, 28.0, 29.0]
    assert began(0.0) == list(range(30))


def test_reader_gets_all_columns_when_they_become_wider() -> None:
    of = metrics(*(second(number, {2.0: 1}) for number in range(610)))
    told = live_json(snapshot(of, 610.0), plan(), since=599.0)
    assert (told["column_s"], len(told["columns"])) == (2.0, 305)
    assert len(live_json(snapshot(of, 610.0), plan(), since=609.0)["columns"]) < 5


@given(st.floats(0.0001, 300.0), st.lists(st.integers(0, 3_600_000_000), max_size=30))
def test_bands_contain_every_request(timeout_s: float, times_us: list[int]) -> None:
    bands, histogram = bands_of(timeout_s), Histogram()
    for each in times_us:
        histogram.record(each)
    assert sum(bands.counts(histogram)) == len(times_us)
    assert 1 <= bands.count <= BANDS_MAX
    assert bands.edges_ms == sorted(set(bands.edges_ms))
    assert bands.edges_ms[-1] * 1000 >= min(timeout_s * 1e6, 1) - 1


@pytest.mark.parametrize("grains", [4, 5, 8, 10])
def test_band_contains_values_between_its_edges(grains: int) -> None:
    for value_us in (1, 2, 99, 100, 1000, 1584, 1585, 10_000, 2_000_000):
        band = band_of(value_us, grains)
        assert begins_ms(band, grains) <= value_us / 1000 * 1.000001
        assert value_us / 1000 < begins_ms(band + 1, grains)
