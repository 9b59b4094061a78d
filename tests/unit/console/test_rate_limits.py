"""Rate limits for each address and for all together, on a given clock."""

from __future__ import annotations

import pytest

from client.console.share import rate_limits
from client.console.share.rate_limits import RateLimit, RateLimits

ONE = RateLimit(per_s=1, burst=3)
MANY = RateLimit(per_s=1000, burst=1000)


def test_burst_then_wait() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(4)] == [0, 0, 0, 1]
    assert each.take("a", 0.4) == pytest.approx(0.6)
    assert each.take("a", 1.0) == 0
    assert each.take("a", 1.0) > 0


def test_bucket_fills_up_to_burst() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 1000) == 0 for _ in range(4)] == [True, True, True, False]


def test_one_address_takes_nothing_from_another() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(3)] == [0, 0, 0]
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0


def test_common_limit_for_all_addresses() -> None:
    together = RateLimits(each=ONE, all_=RateLimit(per_s=20, burst=20), now=0)
    gone_through = sum(together.take(f"10.0.0.{number}", 0) == 0 for number in range(100))
    assert gone_through == 20
    assert together.take("10.0.1.1", 0) == pytest.approx(0.05)


def test_a_refused_request_takes_nothing() -> None:
    both = RateLimits(each=ONE, all_=RateLimit(per_s=1, burst=1), now=0)
    assert both.take("a", 0) == 0
    assert all(both.take("b", 0) > 0 for _ in range(10))
    assert [both.take("b", now) for now in (1, 2, 3)] == [0, 0, 0]


def test_clock_going_back_adds_no_tokens() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=10)
    for _ in range(3):
        each.take("a", 10)
    assert each.take("a", 5) > 0
    assert each.take("a", 10) > 0


def test_longest_inactive_address_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "ADDRESSES_MAX", 2)
    each = RateLimits(each=RateLimit(per_s=1, burst=1), all_=MANY, now=0)
    for address in ("a", "b", "a", "c"):
        each.take(address, 0)
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0
