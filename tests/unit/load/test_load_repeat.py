"""A run repeated: every figure told is one that was measured, and what went wrong is not left out."""

from __future__ import annotations

import json

import pytest
from load_runs import CLOSED, run

from client.load.repeat import Repeats, Spread, repeat, repeat_json, repeat_lines
from client.load.run_report import Report
from client.load.verdict import Verdict
from vmhost.base.errors import InvalidInput, Unavailable

QUICK, USUAL, SLOW = (run((took_us,) * 2) for took_us in (1000, 2000, 9000))
INVALID = run(lag_us=50_000)
FAILED = run(errors=(3,))
STOPPED = run((100,), stopped=True)


def of(*runs: Report, times: int | None = None) -> Repeats:
    return Repeats(runs=runs, times=times or len(runs))


def test_the_median_run_is_one_that_was_made_and_the_spread_has_its_ends() -> None:
    repeats = of(SLOW, QUICK, USUAL)
    assert repeats.median_run is USUAL
    assert repeats.spread()["response p99 ms"] == Spread(min=1.0, median=2.0, max=9.0)
    assert repeats.spread()["requests/s"] == Spread(min=1000, median=1000, max=1000)


def test_nothing_is_averaged_of_an_even_number_of_runs() -> None:
    repeats = of(SLOW, QUICK)
    assert repeats.median_run is SLOW
    assert repeats.spread()["response p50 ms"] == Spread(min=1.0, median=9.0, max=9.0)


def test_a_figure_that_one_run_cannot_tell_has_no_spread() -> None:
    repeats = of(USUAL, USUAL, run((2000,), per_s=500))
    assert repeats.spread()["response p90 ms"] is not None
    assert repeats.spread()["response p99 ms"] is None


def test_a_closed_loops_median_is_by_its_rate() -> None:
    few, more, most = (run((2000,) * 10, per_s=per_s, plan=CLOSED) for per_s in (100, 200, 300))
    assert of(most, few, more).median_run is more


@pytest.mark.parametrize(
    ("repeats", "verdict", "exit_code", "reason"),
    [
        (of(USUAL, USUAL), Verdict.VALID, 0, "2 of 2 runs were made, each of them valid"),
        (of(USUAL, FAILED), Verdict.FAILED, 1, "run 2 of 2: 3 of 10000 requests failed"),
        (of(FAILED, USUAL, INVALID), Verdict.INVALID, 3, "run 3 of 3: the generator sent late"),
        (Repeats(runs=(USUAL,), times=2, broken_off="refused"), Verdict.FAILED, 1, "run 2 of 2 could not be made"),
    ],
)
def test_the_worst_verdict_is_that_of_all(repeats: Repeats, verdict: Verdict, exit_code: int, reason: str) -> None:
    assert (repeats.verdict, repeats.exit_code) == (verdict, exit_code)
    assert reason in repeats.reason


def test_runs_that_are_invalid_or_stopped_do_not_count_and_too_few_are_said_to_be() -> None:
    repeats = of(USUAL, INVALID, FAILED, STOPPED)
    assert repeats.counted == (USUAL, FAILED)
    told = "\n".join(repeat_lines(repeats))
    assert "only 2 runs can be counted; a spread needs 3 or more" in told
    assert (
        "run 4   VALID: the generator kept its schedule; all 1000 requests got a good response   (stopped early)"
        in told
    )
    assert "only" not in "\n".join(repeat_lines(of(USUAL, QUICK, SLOW)))


def test_no_counted_run_has_no_median() -> None:
    assert repeat_json(of(INVALID))["median_run"] is None
    assert repeat_lines(of(INVALID))[0].startswith("INVALID: run 1 of 1: ")


def test_the_document_holds_every_run_in_full() -> None:
    data = json.loads(json.dumps(repeat_json(of(INVALID, SLOW, QUICK, USUAL))))
    assert (data["schema"], data["kind"], data["verdict"], data["times"]) == (2, "repeat", "INVALID", 4)
    assert (data["counted"], data["median_run"]) == ([1, 2, 3], 3)
    assert data["spread"]["response p99 ms"] == {"min": 1.0, "median": 2.0, "max": 9.0}
    assert [each["verdict"] for each in data["runs"]] == ["INVALID", "VALID", "VALID", "VALID"]


async def test_runs_are_made_one_after_the_other() -> None:
    asked = []

    async def once(number: int) -> Report:
        asked.append(number)
        return USUAL

    assert (await repeat(once, 3)).runs == (USUAL, USUAL, USUAL)
    assert asked == [0, 1, 2]


async def test_a_stopped_run_is_the_last_one() -> None:
    async def once(number: int) -> Report:
        return (USUAL, STOPPED)[number]

    assert (await repeat(once, 5)).runs == (USUAL, STOPPED)


async def test_a_run_that_cannot_be_made_keeps_those_before_it() -> None:
    async def once(number: int) -> Report:
        if number:
            raise Unavailable("port 8000 refuses")
        return USUAL

    repeats = await repeat(once, 3)
    assert (len(repeats.runs), repeats.broken_off) == (1, "port 8000 refuses")
    assert "  broken off before run 2: port 8000 refuses" in repeat_lines(repeats)


async def test_the_first_runs_error_is_everybodys() -> None:
    async def once(number: int) -> Report:
        raise Unavailable("port 8000 refuses")

    with pytest.raises(Unavailable, match="refuses"):
        await repeat(once, 3)


@pytest.mark.parametrize("times", [0, -1, 101])
async def test_a_number_of_runs_that_makes_no_sense_is_refused(times: int) -> None:
    async def once(number: int) -> Report:
        raise AssertionError(number)

    with pytest.raises(InvalidInput, match=f"{times} repetitions"):
        await repeat(once, times)
