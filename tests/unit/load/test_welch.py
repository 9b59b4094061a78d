"""Student's quantiles against the printed table, Welch's interval against Student's own data."""

from __future__ import annotations

import pytest

from client.load.report.compare import mean_difference, t_quantile

# Two sleeping drugs (Student, The probable error of a mean, 1908), the example of R's t.test.
DRUG_1 = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
DRUG_2 = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


@pytest.mark.parametrize(
    ("freedom", "printed"),
    [(1, 12.706), (2, 4.303), (9, 2.262), (18, 2.101), (30, 2.042), (60, 2.000), (120, 1.980), (1e6, 1.960)],
)
def test_quantiles_match_the_printed_table(freedom: float, printed: float) -> None:
    assert t_quantile(freedom) == pytest.approx(printed, abs=0.002)


def test_quantiles_between_whole_degrees_of_freedom() -> None:
    # R's qt(0.975, df).
    assert t_quantile(17.776) == pytest.approx(2.102817, abs=0.0005)
    assert t_quantile(2.5) == pytest.approx(3.558, rel=0.025)
    freedoms = [1 + number / 7 for number in range(400)]
    assert sorted(map(t_quantile, freedoms), reverse=True) == list(map(t_quantile, freedoms))


def test_interval_matches_a_published_example() -> None:
    # 17.776 degrees of freedom: R prints -3.3654832 and 0.2054832 for drug 1 less drug 2.
    interval = mean_difference(DRUG_1, DRUG_2)
    assert (interval.low, interval.high) == pytest.approx((-0.2054832, 3.3654832), abs=1e-3)
    assert interval.contains_zero


def test_samples_without_scatter_differ_by_exactly_their_difference() -> None:
    assert mean_difference((2.0, 2.0), (3.0, 3.0, 3.0)).low == 1.0
    assert mean_difference((2.0, 2.0), (2.0, 2.0)).contains_zero
