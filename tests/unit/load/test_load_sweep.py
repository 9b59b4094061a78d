"""The decisions of a sweep: the next rate, where the service breaks, where the knee is; with known queues."""

from __future__ import annotations

import json

import pytest
from load_runs import run

from client.load.plan.model import constant
from client.load.report.page.page import sweep_page
from client.load.report.sweep_plot import COLUMNS, plot_lines
from client.load.report.sweep_text import step_line, sweep_json, sweep_lines
from client.load.summary import Latency
from client.load.sweep import Health, RateRange, Sweep, SweepStep, check_range, step_of
from vmhost.base.errors import InvalidInput

RATES = RateRange(from_per_s=100, to_per_s=20_000, steps=8)
CAPACITY = 3000.0
SECONDS = 5.0
PLAN = constant("http://127.0.0.1:8000/?a=<b>", 100, duration_s=SECONDS)


def step(
    rate: float, ms: float = 1.0, *, last_ms: float | None = None, lost: float = 0.0, **changes: object
) -> SweepStep:
    offered = round(rate * SECONDS)
    failed = round(offered * lost)
    tail = {name: value for name, value, least in _tails(ms) if offered >= least}
    values: dict[str, object] = {
        "rate_per_s": rate, "seconds": SECONDS, "offered": offered, "completed": offered - failed, "failed": failed,
        "response": Latency(count=offered, mean=ms, p50=ms, max=3 * ms, **tail),  # type: ignore[arg-type]
        "service": Latency(count=offered, p99=1.0), "last_ms": ms if last_ms is None else last_ms, "cpu_percent": 9.0,
    }  # fmt: skip
    return SweepStep(**{**values, **changes})  # type: ignore[arg-type]


def _tails(ms: float) -> tuple[tuple[str, float, int], ...]:
    return ("p90", 2 * ms, 100), ("p99", 3 * ms, 1000)


def mm1(rate: float) -> SweepStep:
    """A queue of one server and random arrivals; beyond its capacity the queue grows through the whole step."""
    if rate < CAPACITY:
        return step(rate, 1000 / (CAPACITY - rate))
    behind_ms = 1000 * SECONDS * (rate / CAPACITY - 1)
    return step(rate, behind_ms / 2, last_ms=0.9 * behind_ms)


def swept(rates: RateRange = RATES, serve: object = mm1) -> Sweep:
    sweep = Sweep(range=rates)
    while (rate := sweep.next_rate()) is not None:
        assert len(sweep.steps) < rates.steps
        sweep = sweep.plus(serve(rate))  # type: ignore[operator]
    return sweep


def test_ladder_rises_by_a_constant_factor() -> None:
    assert RATES.ladder == (100, 376, 1410, 5320, 20_000)
    assert RateRange(from_per_s=1, to_per_s=9, steps=2).ladder == (1, 9)
    assert RateRange(from_per_s=100, to_per_s=100.1, steps=20).ladder == (100, 100.1)


def test_sweep_rises_until_broken_then_halves() -> None:
    sweep = swept()
    assert [each.rate_per_s for each in sweep.steps] == [100, 376, 1410, 5320, 2740, 1970, 2320, 2520]
    assert sweep.broken is not None
    assert sweep.broken.rate_per_s == 5320
    assert "it breaks at 5320/s: completed 59 %" in sweep.reason


@pytest.mark.parametrize("steps", [4, 8, 16, 40])
def test_knee_of_a_queue_is_at_five_times_its_latency(steps: int) -> None:
    sweep = swept(RateRange(from_per_s=100, to_per_s=20_000, steps=steps))
    assert sweep.knee is not None
    assert sweep.first_bad is not None
    # 1 / (C - rate) = 5 / (C - 100): the true knee lies between the last good rate and the first bad one.
    assert sweep.knee.rate_per_s <= CAPACITY - (CAPACITY - 100) / 5 < sweep.first_bad.rate_per_s
    assert len(sweep.steps) <= steps


def test_sweep_ends_when_it_is_fine_enough() -> None:
    sweep = swept(RateRange(from_per_s=100, to_per_s=20_000, steps=40))
    assert len(sweep.steps) < 40
    assert sweep.knee is not None
    assert sweep.knee.rate_per_s == pytest.approx(2420, rel=0.05)


def test_power_is_highest_at_half_the_capacity() -> None:
    peak = swept().power_peak
    assert peak is not None
    assert peak.rate_per_s == 1410


def test_server_that_never_breaks_is_measured_up_to_the_end() -> None:
    sweep = swept(serve=step)
    assert [each.rate_per_s for each in sweep.steps] == list(RATES.ladder)
    assert sweep.reason == "it does not break up to 20000/s: raise --to"
    assert (sweep.knee, sweep.exit_code) == (sweep.steps[-1], 0)


def test_slow_server_has_a_knee_without_breaking() -> None:
    sweep = swept(serve=lambda rate: step(rate, 1.0 if rate < 5000 else 9.0))
    assert sweep.knee is not None
    assert sweep.broken is None
    assert (
        sweep.reason
        == "it gets slow at 5320/s, p90 9.0 times that at the lowest rate, and does not break up to 20000/s"
    )


def test_good_rate_above_a_bad_one_is_not_the_knee() -> None:
    sweep = Sweep(range=RATES, steps=(step(100), step(376, 9.0), step(1410)))
    assert sweep.knee is sweep.steps[0]


def test_no_good_rate_ends_the_sweep_at_once() -> None:
    sweep = swept(serve=lambda rate: step(rate, lost=0.5))
    assert [each.rate_per_s for each in sweep.steps] == [100]
    assert (sweep.knee, sweep.exit_code) == (None, 1)
    assert sweep.reason == "no rate is good, not even 100/s: 50.0 % failed"
    assert sweep_lines(sweep)[0] == "no knee found"


def test_slow_generator_ends_the_sweep() -> None:
    sweep = swept(serve=lambda rate: step(rate, invalid="its CPU 98 %" if rate > 1000 else None))
    assert [each.rate_per_s for each in sweep.steps] == [100, 376, 1410]
    assert sweep.reason == "the generator is the limit at 1410/s: its CPU 98 %"
    assert (sweep.exit_code, sweep.knee) == (3, sweep.steps[1])


def test_steps_before_a_halt_are_reported() -> None:
    sweep = Sweep(range=RATES, steps=(step(100), step(376)), halted="stopped")
    assert sweep.next_rate() is None
    assert sweep_lines(sweep)[:2] == ["the knee is at 376/s, where p90 is 2.00 ms", "  stopped"]
    assert sweep_lines(Sweep(range=RATES, halted="stopped")) == ["nothing was measured: stopped"]


@pytest.mark.parametrize(
    ("made", "health", "why"),
    [
        (step(1000), Health.GOOD, ""),
        (step(1000, 5.0), Health.GOOD, ""),
        (step(1000, 5.1), Health.SLOW, "p90 5.1 times that at the lowest rate"),
        (step(1000, lost=0.01), Health.GOOD, ""),
        (step(1000, lost=0.02), Health.BROKEN, "2.0 % failed"),
        (step(1000, completed=4700), Health.BROKEN, "completed 94 % of the offered rate"),
        # Everything was answered, but the last of it half a second late: the server did 91 % of the rate.
        (step(1000, 2.0, last_ms=500.0), Health.BROKEN, "completed 91 % of the offered rate"),
    ],
)
def test_health_of_a_step(made: SweepStep, health: Health, why: str) -> None:
    sweep = Sweep(range=RATES, steps=(step(100), made))
    assert (sweep.health(made), sweep.why(made)) == (health, why)
    assert why in step_line(sweep, made)


def test_tail_is_the_highest_percentile_of_the_lowest_rate() -> None:
    assert [Sweep(range=RATES, steps=(step(rate),)).tail for rate in (10, 100, 200)] == ["p50", "p90", "p99"]


def test_step_of_a_run() -> None:
    made = step_of(1000, run((2000,) * 4 + (9000,), errors=(20,)))
    assert (made.offered, made.completed, made.failed, made.invalid) == (5000, 4980, 20, None)
    assert made.last_ms == pytest.approx(9, rel=0.01)
    late = step_of(1000, run(lag_us=50_000))
    assert late.invalid is not None
    assert "sent late" in late.invalid


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (RateRange(from_per_s=200, to_per_s=100, steps=8), "200 to 100/s is not possible"),
        (RateRange(from_per_s=0, to_per_s=100, steps=8), "0 to 100/s is not possible"),
        (RateRange(from_per_s=float("nan"), to_per_s=100, steps=8), "is not possible"),
        (RateRange(from_per_s=100, to_per_s=1e7, steps=8), "up to 1000000"),
        (RateRange(from_per_s=100, to_per_s=200, steps=1), "1 steps are not possible; use 2 to 100"),
        (RateRange(from_per_s=3, to_per_s=200, steps=8), "3/s for 5 s makes 15 requests; expected 20"),
    ],
)
def test_invalid_range_is_refused(rates: RateRange, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        check_range(rates, step_s=5)


def test_table_has_a_row_per_rate() -> None:
    sweep = swept()
    rows = [line.split() for line in sweep_lines(sweep) if " %  " in line and ":" not in line[:40]]
    assert [float(row[0]) for row in rows] == sorted(each.rate_per_s for each in sweep.steps)
    (knee,) = (row for row in rows if row[-2:] == ["the", "knee"])
    assert knee[0] == "2320"


def test_plot_fits_a_terminal() -> None:
    lines = plot_lines(swept())
    assert all(len(line) <= COLUMNS for line in lines)
    picture = "".join(lines[1:-2])
    assert picture.count("o") >= 4
    assert "*" in picture
    assert ":" in picture
    # Below capacity nothing is above it: the slowest point is in the top row, at the right.
    assert lines[1].rstrip().endswith(("*", "o"))
    assert "1000/s" in lines[-1]


def test_plot_of_one_step_and_of_none() -> None:
    assert plot_lines(Sweep(range=RATES, steps=(step(200),)))
    assert plot_lines(Sweep(range=RATES, steps=(step(200, response=Latency(), service=Latency()),))) == []


def test_sweep_json() -> None:
    data = json.loads(json.dumps(sweep_json(swept(), PLAN, None)))
    assert (data["schema"], data["knee_per_s"], data["broken_per_s"], data["power_per_s"]) == (1, 2320, 5320, 1410)
    assert [each["health"] for each in data["steps"]] == ["good"] * 5 + ["slow"] * 2 + ["broken"]
    assert data["steps"][-1]["why"] == "completed 59 % of the offered rate"


def test_page_has_the_table_and_the_knee() -> None:
    page = sweep_page(swept(), PLAN)
    assert "knee 2320/s" in page
    assert "?a=&lt;b&gt;" in page
    assert "src=" not in page.partition("<script")[0]
    assert page.count('<th scope="row">') == 8
    for name in ("response p50", "response p99", "service p99"):
        assert f">{name}</th>" in page
