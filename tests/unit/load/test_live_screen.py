"""The live view of a run: exact screens, the keys, and properties that hold at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_builders import BEGAN, IDS, URL, attempt, metrics, plan, second, snapshot

from client.load.live.live_screen import WAITING, render, short_names
from client.load.live.live_state import (
    COMPUTER_BUSY,
    NEAR_LIMIT,
    NO_RATE,
    Action,
    LiveState,
    SetRate,
    next_rate,
    on_snapshot,
    press,
    progress_line,
    rates_now,
)
from client.load.metrics import Metrics
from client.load.plan.model import Plan, RateStage
from client.load.summary import Fault
from client.terminal.styled_text import Style


def stalled() -> Metrics:
    """Twenty seconds at 100/s of four instances, with a stall and a mark in the thirteenth."""
    calm = [second(number, {0.8: 60, 3.0: 39, 12.0: 1}, instances=IDS) for number in range(12)]
    stall = second(12, {900.0: 30, 400.0: 60}, faults={Fault.TIMEOUT: 10}, waited_ms=300.0, instances=IDS)
    after = [second(number, {0.8: 60, 3.0: 40}, instances=IDS) for number in range(13, 20)]
    result = metrics(*calm, stall, *after)
    result.mark("mark 1", 12.2)
    return result


def state(of: Plan | None = None, **changes: object) -> LiveState:
    return replace(LiveState(title=URL, plan=of or plan()), **changes)  # type: ignore[arg-type]


def running(**changes: object) -> LiveState:
    return replace(on_snapshot(state(), snapshot(stalled(), 20.4, waiting=7)), **changes)  # type: ignore[arg-type]


def shown(of: LiveState, columns: int = 80, rows: int = 24) -> list[str]:
    return [each.plain.rstrip() for each in render(of, columns, rows)]


def test_screen_of_80_columns_with_a_stall() -> None:
    assert shown(running()) == [
        " http://127.0.0.1:8000/                                  0:20 of 1:00, 0:40 left",
        " open loop, constant 100/s                               in flight 3   waiting 7",
        " requests          target    offered    started  completed     failed",
        " per second         100.0      100.0      100.0      100.0        0.0",
        " in all                        2,000      2,000      1,990         10",
        " milliseconds         p50        p90        p99      p99.9        max",
        " response 10 s       0.80       12.0      900.1          -       2000",
        " service 10 s        0.80       3.00          -          -      600.0",
        " response time: requests per cell  ░ 1+  ▒ 3+  ▓ 10+  █ 30+   a column: 1 s",
        "    failed│            ▓",
        " <10000 ms│            ▓",
        "  <1000 ms│            █",
        "   <100 ms│░░░░░░░░░░░░",
        "    <10 ms│████████████ ███████",
        "     <1 ms│████████████ ███████",
        "     marks│            1",
        "          └'0:00     '0:10     '0:20",
        " errors    timeout 10",
        " instance  host     per s  p99 ms  bad  instance  host     per s  p99 ms  bad",
        " i-08e4    host-a    24.8       -    0  i-09b8    host-a    24.8       -    0",
        " i-0a13    host-b    24.7       -    0  i-0ad3    host-b    24.7       -    0",
        " generator CPU 12 % of a core (the busiest of 2 processes)   lag p99 0.12 ms",
        " marks     1 0:12 mark 1",
        " + - rate   p pause   m mark   s q stop and report   ? help",
    ]


def test_screen_of_60_columns() -> None:
    lines = shown(running(), 60, 20)
    assert lines[:8] == [
        " http://127.0.0.1:8000/              0:20 of 1:00, 0:40 left",
        " open loop, constant 100/s           in flight 3   waiting 7",
        " requests        target  offered  started completed   failed",
        " per second       100.0    100.0    100.0     100.0      0.0",
        " in all                    2,000    2,000     1,990       10",
        " milliseconds       p50      p90      p99     p99.9      max",
        " response 10 s     0.80     12.0    900.1         -     2000",
        " service 10 s      0.80     3.00        -         -    600.0",
    ]
    assert " generator CPU 12 % (busiest of 2)   lag p99 0.12 ms" in lines
    assert "+ - rate" in lines[-1]
    assert not any("…" in text for text in lines)


def test_large_screen_shows_more_time_and_finer_latencies() -> None:
    of = metrics(*(second(number, {0.8: 20, 40.0: 1}) for number in range(200)))
    small, large = (shown(on_snapshot(state(), snapshot(of, 200.5)), *size) for size in ((80, 24), (120, 40)))
    assert sum("█" in text or "▓" in text for text in small) >= 1
    assert len(next(text for text in small if "<1 ms" in text)) == 80
    assert len(next(text for text in large if "<1 ms" in text)) == 120
    assert any(text.startswith(" response all") for text in large)
    assert sum(" ms│" in text for text in large) > sum(" ms│" in text for text in small)


def test_closed_loop_has_no_rate_and_one_latency() -> None:
    of = metrics(*(second(number, {1.0: 500, 2.0: 480, 30.0: 20}) for number in range(6)))
    lines = shown(on_snapshot(state(plan(users=50, duration_s=None)), snapshot(of, 6.2)))
    assert lines[:7] == [
        " http://127.0.0.1:8000/                                      0:06, until stopped",
        " closed loop, 50 users without think time                in flight 3   waiting 0",
        " requests          target    offered    started  completed     failed",
        " per second             -      1,000      1,000      1,000        0.0",
        " in all                        6,000      6,000      6,000          0",
        " milliseconds         p50        p90        p99      p99.9        max",
        " response 10 s       1.00       2.00       30.0          -       30.0",
    ]
    assert not any("service" in text or "lag" in text for text in lines)
    assert lines[-1] == " m mark   s q stop and report   ? help"


@given(
    st.integers(60, 200), st.integers(20, 60), st.booleans(), st.text(max_size=90), st.integers(0, 30), st.booleans()
)
def test_lines_fit_every_size(columns: int, rows: int, explaining: bool, text: str, instances: int, near: bool) -> None:
    of = metrics(second(0, {1.0: 60}, faults={Fault.RESET: 2}, instances=[f"i-{n:06}" for n in range(instances)]))
    of.mark(text, 0.5)
    now = on_snapshot(state(title=text), snapshot(of, 70.0, cpu=99.0 if near else 1.0))
    lines = render(replace(now, explaining=explaining, message=text, message_until_s=99.0), columns, rows)
    assert len(lines) == rows
    assert all(each.cell_len <= columns for each in lines)
    assert lines[-1].plain.strip()


def test_screen_before_the_first_response() -> None:
    assert f" {WAITING}" in shown(state())
    assert f" {WAITING}" in shown(on_snapshot(state(), snapshot(metrics(), 0.5)))


def test_escape_sequences_from_outside_are_removed() -> None:
    bad = "\x1b[2J\x07"
    of = metrics(second(0, {1.0: 10}))
    of.add(second(1, {}))
    stats = second(2, {1.0: 1})
    stats.record_attempts([attempt(bad, 1.0)])
    of.add(stats)
    of.mark(bad, 1.0)
    text = "".join(each.plain for each in render(on_snapshot(state(title=bad), snapshot(of, 4.0)), 120, 40))
    assert "\x1b[2J" not in text
    assert "\x07" not in text


def test_warm_up_is_dim_on_the_heat_map() -> None:
    of = metrics(*(second(number, {1.0: 60}) for number in range(5)), warm_up_s=2.0)
    lines = render(on_snapshot(state(plan=plan(warm_up_s=2.0)), snapshot(of, 5.0)), 80, 24)
    row = next(each for each in lines if "█████" in each.plain)
    assert [(row.plain[span.start : span.end], span.style) for span in row.spans] == [
        ("██", Style.DIM),
        ("███", Style.SHADE),
    ]


def test_generator_near_its_limit_is_shown() -> None:
    assert f" {NEAR_LIMIT}" in shown(on_snapshot(state(), snapshot(stalled(), 20.4, cpu=81.0)))
    late = metrics(*(second(number, {1.0: 500}, lag_us=6000) for number in range(3)))
    assert f" {NEAR_LIMIT}" in shown(on_snapshot(state(), snapshot(late, 4.0, cpu=50.0)))
    assert f" {NEAR_LIMIT}" not in shown(running())


def test_late_generator_with_idle_cpu_blames_the_computer() -> None:
    late = metrics(*(second(number, {1.0: 500}, lag_us=6000) for number in range(3)))
    assert f" {COMPUTER_BUSY}" in shown(on_snapshot(state(), snapshot(late, 4.0, cpu=2.0)))
    assert "this computer is busy" in COMPUTER_BUSY


def test_instances_that_do_not_fit_are_counted() -> None:
    of = metrics(second(0, {1.0: 600}, instances=[f"i-{number:06}" for number in range(60)]))
    lines = shown(on_snapshot(state(), snapshot(of, 1.5)))
    drawn = sum(text.count("i-0000") for text in lines)
    (more,) = [text for text in lines if " more" in text]
    assert int(more.partition("and ")[2].split()[0]) + drawn == 60


def test_short_names_stay_different() -> None:
    assert short_names(list(IDS)) == ["i-08e4", "i-09b8", "i-0a13", "i-0ad3"]
    assert short_names(["leaf-1", "leaf-2"]) == ["leaf-1", "leaf-2"]
    assert short_names(["search-service-1", "search-service-2"]) == ["…ervice-1", "…ervice-2"]


def test_rates_cover_full_seconds_only() -> None:
    # The second at 7 is not over; a pause is a rate of nothing, not the rate before it.
    of = metrics(*(second(number, {1.0: 100}) for number in range(7)), second(7, {1.0: 30}))
    assert rates_now(snapshot(of, 8.2)).started == 100
    assert rates_now(snapshot(of, 30.0)).started == 0
    assert rates_now(snapshot(of, 1.5)).started is None


def test_paused_or_ending_run_is_shown_at_the_top() -> None:
    assert "PAUSED  0:20 of 1:00" in shown(running(paused=True))[0]
    assert "waiting for the last responses" in shown(running(stopping=True))[0]
    assert "q leaves this view at once" in shown(running(stopping=True))[-1]


@pytest.mark.parametrize(
    ("rate", "step", "expected"),
    [(20, 1, 50), (50, 1, 100), (100, 1, 125), (1000, 1, 1250), (1250, -1, 1000), (333, 1, 400), (1, -1, 1),
     (0.5, -1, 0.5), (0.5, 1, 1), (1_000_000, 1, 1_000_000), (800_000, 1, 1_000_000)],
)  # fmt: skip
def test_rate_steps(rate: float, step: int, expected: float) -> None:
    assert next_rate(rate, step) == expected


def test_plus_and_minus_start_from_the_rate_set_last() -> None:
    now, first = press(running(), "+")
    now, second_action = press(now, "+")
    assert (first, second_action) == (SetRate(per_s=125.0, text="125/s"), SetRate(per_s=160.0, text="160/s"))
    assert " 160 requests/s from now on" in shown(now)
    _, third = press(now, "-")
    assert third == SetRate(per_s=125.0, text="125/s")


def test_pause_returns_to_the_former_or_a_new_rate() -> None:
    now, action = press(running(), "p")
    assert action == SetRate(per_s=0.0, text="paused")
    assert press(now, "P")[1] == SetRate(per_s=100.0, text="100/s")
    chosen, none = press(now, "+")
    assert none is None
    again, action = press(chosen, "p")
    assert action == SetRate(per_s=125.0, text="125/s")
    assert not again.paused


def test_rate_by_hand_ends_the_rates_of_the_plan() -> None:
    ramp = plan(rate_per_s=0.0)
    assert ramp.open is not None
    ramp = replace(ramp, open=replace(ramp.open, stages=(RateStage(seconds=60, from_per_s=10, to_per_s=500),)))
    now, _ = press(on_snapshot(state(ramp), snapshot(stalled(), 20.4, rate=160.0)), "+")
    assert now.message == "200 requests/s from now on; this ends the rates of the plan"
    assert press(now, "+")[0].message == "250 requests/s from now on"


def test_closed_loop_explains_why_it_has_no_rate() -> None:
    for key in "+-p":
        now, action = press(state(plan(users=5)), key)
        assert (now.message, action) == (NO_RATE, None)


def test_message_disappears_after_some_seconds() -> None:
    now, _ = press(running(), "+")
    assert on_snapshot(now, snapshot(stalled(), 21.0)).message
    assert not on_snapshot(now, snapshot(stalled(), 40.0)).message


def test_first_q_stops_second_q_leaves() -> None:
    now, action = press(running(), "s")
    assert action == Action.STOP
    assert press(now, "m") == (now, None)
    assert press(now, "s") == (now, None)
    assert press(now, "q")[1] == Action.LEAVE
    assert press(running(), "m")[1] == Action.ADD_MARK


def test_other_keys_change_nothing() -> None:
    for key in ("x", "escape", "enter", "backspace", "ß", "0"):
        assert press(running(), key) == (running(), None)


def test_help_closes_with_any_key_and_q_stops() -> None:
    now, _ = press(running(), "?")
    for columns, rows in ((80, 24), (60, 20)):
        text = "\n".join(shown(now, columns, rows))
        assert "FAILED" in text
        assert "any key goes back" in text
        assert "…" not in text
    assert press(now, "s") == (running(), None)
    assert press(now, "q")[1] == Action.STOP


def test_progress_line() -> None:
    assert progress_line(snapshot(stalled(), 20.4, waiting=7)) == (
        " 0:20  100.0 started/s  100.0 completed/s  failed 10  p50 0.80 ms  p99 900.1 ms  in flight 3  waiting 7"
    )
    assert progress_line(snapshot(metrics(), 0.5, cpu=95.0)) == (
        " 0:00  0.0 started/s  0.0 completed/s  failed 0  p50 - ms  max - ms  in flight 3  waiting 0"
        "  (generator near its limit: CPU 95 %)"
    )


def test_marks_of_long_runs() -> None:
    of = metrics(*(second(number, {1.0: 3}) for number in range(60)))
    for number in range(40):
        of.mark(f"mark {number + 1}", 20.0 + number)
    assert of.marks[0].at == BEGAN + 20.0
    lines = shown(on_snapshot(state(), snapshot(of, 60.5)))
    assert f"marks│{' ' * 20}123456789abcdefghijklmnopqrstuvwxyz^^^^^" in "".join(lines)
    assert any(text.startswith(" marks     ^ 0:59 mark 40   ^ 0:58 mark 39") for text in lines)
