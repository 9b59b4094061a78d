"""A program notices afterwards that it did not run."""

from __future__ import annotations

from vmhost.base.standstill import Standstill


def test_signs_of_life_in_time_are_no_standstill() -> None:
    life = Standstill(100.0, every_s=1.0)
    assert [life.alive(at) for at in (101.0, 102.4, 102.4, 105.0)] == [0.0] * 4


def test_a_sleep_is_told_once_with_its_length() -> None:
    life = Standstill(100.0, every_s=1.0)
    assert life.alive(161.0) == 60.0
    assert life.alive(162.0) == 0.0


def test_a_clock_that_is_set_back_is_no_standstill() -> None:
    life = Standstill(100.0, every_s=1.0)
    assert (life.alive(40.0), life.alive(41.0)) == (0.0, 0.0)
