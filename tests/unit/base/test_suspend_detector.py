"""SuspendDetector reports that the program did not run for a while."""

from __future__ import annotations

from vmhost.base.clock import SuspendDetector


def test_regular_checks_are_no_suspension() -> None:
    detector = SuspendDetector(100.0, every_s=1.0)
    assert [detector.check(at) for at in (101.0, 102.4, 102.4, 105.0)] == [0.0] * 4


def test_sleep_reported_once_with_its_length() -> None:
    detector = SuspendDetector(100.0, every_s=1.0)
    assert detector.check(161.0) == 60.0
    assert detector.check(162.0) == 0.0


def test_clock_set_back_is_no_suspension() -> None:
    detector = SuspendDetector(100.0, every_s=1.0)
    assert (detector.check(40.0), detector.check(41.0)) == (0.0, 0.0)
