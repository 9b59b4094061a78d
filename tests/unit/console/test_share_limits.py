"""So much for each address and so much for all: token buckets on a given clock."""

from __future__ import annotations

import pytest

from client.console.share import limits
from client.console.share.limits import Limits, Rate

ONE = Rate(per_s=1, burst=3)
MANY = Rate(per_s=1000, burst=1000)


def test_a_burst_goes_through_then_one_waits_for_the_next() -> None:
    each = Limits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(4)] == [0, 0, 0, 1]
    assert each.take("a", 0.4) == pytest.approx(0.6)
    assert each.take("a", 1.0) == 0
    assert each.take("a", 1.0) > 0


def test_a_rest_fills_up_to_the_burst_and_no_further() -> None:
    each = Limits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 1000) == 0 for _ in range(4)] == [True, True, True, False]


def test_one_address_takes_nothing_from_another() -> None:
    each = Limits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(3)] == [0, 0, 0]
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0


def test_all_together_have_a_limit_that_more_addresses_do_not_lift() -> None:
    together = Limits(each=ONE, all_=Rate(per_s=20, burst=20), now=0)
    gone_through = sum(together.take(f"10.0.0.{number}", 0) == 0 for number in range(100))
    assert gone_through == 20
    assert together.take("10.0.1.1", 0) == pytest.approx(0.05)


def test_a_refused_request_takes_nothing() -> None:
    both = Limits(each=ONE, all_=Rate(per_s=1, burst=1), now=0)
    assert both.take("a", 0) == 0
    assert all(both.take("b", 0) > 0 for _ in range(10))
    assert [both.take("b", now) for now in (1, 2, 3)] == [0, 0, 0]


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    each = Limits(each=ONE, all_=MANY, now=10)
    for _ in range(3):
        each.take("a", 10)
    assert each.take("a", 5) > 0
    assert each.take("a", 10) > 0


def test_of_too_many_addresses_the_longest_silent_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESSES_MAX", 2)
    each = Limits(each=Rate(per_s=1, burst=1), all_=MANY, now=0)
    for address in ("a", "b", "a", "c"):
        each.take(address, 0)
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0
