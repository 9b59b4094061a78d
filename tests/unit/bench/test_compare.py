"""The comparison of two commits reads what benchmarks print, and says how sure the ratio is."""

from __future__ import annotations

from bench.compare import compared, numbers
from bench.measurement import Measurement, at_most


def test_reads_what_measurements_print() -> None:
    lines = [at_most("a start: p99", 0.25, 1, "ms", "0.1 / 0.2"), Measurement(name="beside wrk", value="0.97 x")]
    output = "2026-11-29, a computer\n" + "\n".join(each.line() for each in lines) + "\nskipped leaf: needs an engine\n"
    assert numbers(output) == [("a start: p99", 0.25), ("beside wrk", 0.97)]


def test_reads_the_marks_of_earlier_commits() -> None:
    assert numbers("kept   terminating: 0.42 s  promised <= 1 s\nBROKEN deaths: 19 of 20") == [
        ("terminating", 0.42),
        ("deaths", 19.0),
    ]


def test_the_interval_of_equal_ratios_is_narrow() -> None:
    assert compared([(1.0, 1.1), (2.0, 2.2), (4.0, 4.4)]) == "2 -> 2.2, x 1.100 (95 %: 1.100 to 1.100, 3 pairs)"


def test_the_interval_of_scattered_ratios_spans_one() -> None:
    text = compared([(1.0, 1.2), (1.0, 0.8), (1.0, 1.0)])
    assert "95 %: 0.596 to 1.633" in text


def test_a_number_that_can_be_zero_has_no_ratio() -> None:
    assert compared([(0.0, 0.1), (0.2, 0.0)]) == "0.1 -> 0.05 (no ratio: 0 -> 0.1, 0.2 -> 0)"
