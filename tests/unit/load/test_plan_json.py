"""The plan of a form: what it means, and what is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from client.load.plan.model import ClosedLoop, OpenLoop, Plan, Spacing, Target
from client.load.plan.plan_json import plan_from_form
from vmhost.base.errors import InvalidInput

SEARCH = Target(url="http://127.0.0.1:8000", corpus="queries.json")


def plan(**request: Any) -> Plan:
    return plan_from_form(request, search=SEARCH)


def test_a_rate_alone_asks_the_clouds_own_search_until_it_is_stopped() -> None:
    assert plan(rate_per_s=20) == Plan(targets=(SEARCH,), open=OpenLoop(rate_per_s=20))
    assert plan(rate_per_s=20, seconds=None, url=None, users=None, poisson=None, think_s=None) == plan(rate_per_s=20)


def test_everything_that_can_be_said_of_a_rate() -> None:
    made = plan(rate_per_s=2.5, seconds=30, poisson=True, url="http://127.0.0.1:9000/x")
    assert made.open == OpenLoop(rate_per_s=2.5, spacing=Spacing.POISSON)
    assert (made.duration_s, made.targets) == (30, (Target(url="http://127.0.0.1:9000/x"),))


def test_users_who_think_do_so_for_varying_times() -> None:
    assert plan(users=5, think_s=1).closed == ClosedLoop(users=5, think_s=1, think_varies=True)
    assert plan(users=5).closed == ClosedLoop(users=5)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "needs either rate_per_s or users"),
        ({"rate_per_s": 1, "users": 1}, "needs either rate_per_s or users"),
        ({"rate_per_s": "20"}, "rate_per_s is '20'; expected requests a second"),
        ({"rate_per_s": True}, "rate_per_s is True"),
        ({"rate_per_s": float("nan")}, "rate nan/s is not possible"),
        ({"rate_per_s": 0}, "a rate of 0 sends nothing; give a higher one"),
        ({"rate_per_s": -1}, "rate -1/s is not possible"),
        ({"rate_per_s": 1, "seconds": 0}, "duration 0 s"),
        ({"rate_per_s": 1, "think_s": 2}, "think_s belongs to users"),
        ({"rate_per_s": 1, "poisson": "yes"}, "poisson is 'yes'; expected true or false"),
        ({"rate_per_s": 1, "url": 7}, "url is 7; expected an address"),
        ({"rate_per_s": 1, "url": "ftp://somewhere/"}, "names no http server"),
        ({"users": 1.5}, "users is 1.5; expected a whole number"),
        ({"users": 0}, "0 users"),
        ({"users": 1, "poisson": True}, "poisson belongs to rate_per_s"),
        ({"rate": 20}, "field 'rate' is not known; use only rate_per_s"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(**request_)
    assert said in refused.value.message
