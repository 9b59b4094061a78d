"""Choosing a replica: the less loaded of two, never one already tried; failing ones are set aside and retried."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from server.frontend.replicas import ASIDE_FIRST_S, ASIDE_MAX_S, LeafInstance, Replica, ReplicaSet


def replica(name: str) -> Replica:
    return Replica(
        LeafInstance(instance_id=name, type="t3.nano", host="host-a", shard=0, address="127.0.0.1", port=8080)
    )


def replicas(count: int, seed: int = 1) -> tuple[ReplicaSet, list[Replica]]:
    made = ReplicaSet(random.Random(seed))
    each = [replica(f"i-{number}") for number in range(count)]
    for one in each:
        made.add(one)
    return made, each


def fail(one: Replica, now: float) -> None:
    one.sent(now)
    one.failed(now, jitter=1.0)


def test_no_replicas_give_no_choice() -> None:
    assert replicas(0)[0].choose(0.0) is None


def test_replica_with_fewer_requests_is_chosen() -> None:
    made, (one, other) = replicas(2)
    one.sent(0.0)
    assert {made.choose(0.0) for _ in range(20)} == {other}


def test_equal_replicas_share_the_requests() -> None:
    made, each = replicas(4)
    chosen = Counter(made.choose(0.0) for _ in range(1000))
    assert all(150 < chosen[one] < 350 for one in each)


def test_slower_replica_is_avoided_while_known() -> None:
    made, (slow, fast) = replicas(2)
    for one, latency_ms in ((slow, 50.0), (fast, 2.0)):
        one.sent(0.0)
        one.answered(latency_ms, now=10.0)
    assert {made.choose(10.1) for _ in range(20)} == {fast}
    assert {made.choose(20.0) for _ in range(50)} == {slow, fast}


def test_small_latency_differences_are_ignored() -> None:
    made, (one, other) = replicas(2)
    for each, latency_ms in ((one, 1.0), (other, 2.5)):
        each.sent(0.0)
        each.answered(latency_ms, now=10.0)
    assert {made.choose(10.1) for _ in range(50)} == {one, other}


@given(st.integers(1, 8), st.integers(0, 2**32), st.data())
def test_tried_replica_is_not_chosen_again(count: int, seed: int, data: st.DataObject) -> None:
    made, each = replicas(count, seed)
    for one in each:
        if data.draw(st.booleans()):
            fail(one, 0.0)
    tried: list[Replica] = []
    while (chosen := made.choose(0.1, tried)) is not None:
        assert chosen not in tried
        tried.append(chosen)
    assert len(tried) == count


def test_failed_replica_gets_no_requests() -> None:
    made, (bad, good) = replicas(2)
    fail(bad, 0.0)
    assert {made.choose(0.1) for _ in range(20)} == {good}


def test_all_failed_tries_the_first_to_return() -> None:
    made, (first, second) = replicas(2)
    fail(first, 0.0)
    fail(second, 0.1)
    assert made.choose(0.15) is first


def test_one_request_retries_a_replica_set_aside() -> None:
    made, (bad, good) = replicas(2)
    fail(bad, 0.0)
    now = ASIDE_FIRST_S + 0.01
    good.sent(now)
    assert made.choose(now) is bad
    bad.sent(now)
    good.sent(now)
    assert {made.choose(now) for _ in range(20)} == {good}


def test_time_aside_doubles_until_an_answer() -> None:
    back = replica("i-0")
    fail(back, 0.0)
    back.sent(1.0)
    back.answered(1.0, now=1.0)
    assert back.ready(1.0)
    still = replica("i-1")
    now, waits = 0.0, []
    for _ in range(8):
        fail(still, now)
        waits.append(still.aside_until - now)
        now = still.aside_until
    assert waits[:3] == [ASIDE_FIRST_S, 2 * ASIDE_FIRST_S, 4 * ASIDE_FIRST_S]
    assert waits[-1] == ASIDE_MAX_S


def test_simultaneous_failures_count_once() -> None:
    one = replica("i-0")
    for _ in range(5):
        one.sent(0.0)
    for _ in range(5):
        one.failed(0.01, jitter=1.0)
    assert one.failures == 1
    assert one.in_flight == 0


def test_two_choices_avoid_a_slow_replica() -> None:
    """A queue model: each replica serves one request per tick, one of them only every tenth tick."""
    made, each = replicas(4, seed=7)
    for tick in range(2000):
        now = tick * 0.001
        for _ in range(2):
            chosen = made.choose(now)
            assert chosen is not None
            chosen.sent(now)
        for number, one in enumerate(each):
            if one.in_flight and (number or tick % 10 == 0):
                one.answered(1.0, now)
    assert max(one.in_flight for one in each) < 12
