"""Student's quantiles against the printed table, Welch's interval against Student's own data."""

from __future__ import annotations

import pytest

from client.load.noise import difference, incomplete_beta, t_quantile

# Two sleeping drugs (Student, The probable error of a mean, 1908), the example of R's t.test.
DRUG_1 = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
DRUG_2 = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


@pytest.mark.parametrize(
    ("probability", "freedom", "printed"),
    [
        (0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 9, 2.262), (0.975, 18, 2.101),
        (0.975, 30, 2.042), (0.975, 120, 1.980), (0.975, 1e6, 1.960), (0.95, 5, 2.015), (0.995, 10, 3.169),
        (0.9995, 3, 12.924), (0.5, 7, 0.0),
    ],
)  # fmt: skip
def test_quantiles_are_those_of_the_printed_table(probability: float, freedom: float, printed: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(printed, abs=0.0006)


def test_the_beta_function_where_it_is_known_in_closed_form() -> None:
    for x in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert incomplete_beta(x, 1, 1) == pytest.approx(x)
        assert incomplete_beta(x, 3, 1) == pytest.approx(x**3)
        assert incomplete_beta(x, 1, 4) == pytest.approx(1 - (1 - x) ** 4)


def test_welchs_interval_is_the_published_one() -> None:
    # 17.776 degrees of freedom: R prints -3.3654832 and 0.2054832 for drug 1 less drug 2.
    interval = difference(DRUG_1, DRUG_2)
    assert (interval.low, interval.high) == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)
    assert interval.holds_zero


def test_less_confidence_is_a_narrower_interval() -> None:
    assert not difference(DRUG_1, DRUG_2, confidence=0.9).holds_zero


def test_samples_without_scatter_differ_by_exactly_their_difference() -> None:
    assert difference((2.0, 2.0), (3.0, 3.0, 3.0)).low == 1.0
    assert difference((2.0, 2.0), (2.0, 2.0)).holds_zero
