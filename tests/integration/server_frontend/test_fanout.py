"""Asking shards through real connections: what fails is asked elsewhere, what is slow is hedged, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from server.frontend.fanout import Fanout, Gathered
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until

REQUEST = (b"GET /search?q=q&n=3 HTTP/1.1\r\nHost: leaf\r\nX-Deadline-Ms: ", b"\r\n\r\n")


def read(_status: int, _headers: Mapping[bytes, bytes], body: bytes) -> Any:
    return json.loads(body)


async def ask(fanout: Fanout, deadline_s: float = 1.0) -> Gathered:
    return await fanout.ask(REQUEST, read, deadline_s=deadline_s)


def add(fanout: Fanout, *members: StubLeaf) -> None:
    for leaf in members:
        fanout.add(leaf.machine)


def outcomes(gathered: Gathered) -> list[str]:
    return sorted(f"{each.shard} {each.outcome}" for each in gathered.attempts)


async def test_each_shard_is_asked_once_and_the_attempts_are_told(fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(fanout, a, b)
        gathered = await ask(fanout)
    assert [answer["total"] for answer in gathered.answers] == [3, 3]
    assert outcomes(gathered) == ["0 won", "1 won"]
    for attempt in gathered.attempts:
        assert attempt.search_ms == 1.05
        assert 0 <= attempt.start_ms <= attempt.start_ms + attempt.dur_ms <= gathered.waited_ms + 0.001


async def test_the_leaf_hears_how_much_time_is_left(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as (a, a2, b):
        add(fanout, a, a2, b)
        a.status = a2.status = 503
        await ask(fanout, 0.4)
    told = [int(head.split("X-Deadline-Ms: ")[1].split("\r\n")[0]) for head in b.heads + a.heads + a2.heads]
    assert 390 <= max(told) <= 400
    assert 0 < min(told) < 400


@pytest.mark.parametrize(
    "misbehave",
    [
        {"status": 500},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{{{{"},
        {"raw": b"what is this\r\n\r\n"},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]" * 2},
    ],
)
async def test_a_failing_replica_costs_no_answer(fanout: Fanout, misbehave: dict[str, Any]) -> None:
    async with leaves((0, "bad"), (0, "good"), (1, "b")) as (bad, good, b):
        for name, value in misbehave.items():
            setattr(bad, name, value)
        add(fanout, bad, good, b)
        for _ in range(30):
            gathered = await ask(fanout)
            assert None not in gathered.answers
    errors = sum(replica.errors for replica in fanout.instances(0.0) if replica.instance_id == "i-bad")
    assert errors >= 1 or "raw" in misbehave


async def test_a_failing_replica_is_set_aside_and_comes_back(fanout: Fanout) -> None:
    async with leaves((0, "bad"), (0, "good"), (1, "b")) as (bad, good, b):
        add(fanout, bad, good, b)
        bad.status = 500
        for _ in range(40):
            await ask(fanout)
        assert len(bad.heads) <= 3
        bad.status = 200
        async with asyncio.timeout(3):
            while any(each.aside for each in fanout.instances(0.0)):
                await ask(fanout)
                await asyncio.sleep(0.01)
        before = len(bad.heads)
        for _ in range(20):
            await ask(fanout)
        assert len(bad.heads) > before


async def test_the_death_of_one_replica_under_load_loses_no_request(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b"), (1, "b2")) as members:
        add(fanout, *members)
        for leaf in members:
            leaf.delay_s = 0.005
        answered: list[Gathered] = []

        async def user() -> None:
            for _ in range(40):
                answered.append(await ask(fanout))

        async with asyncio.TaskGroup() as users:
            for _ in range(10):
                users.create_task(user())
            await asyncio.sleep(0.1)
            members[0].kill()
    assert len(answered) == 400
    assert all(None not in gathered.answers for gathered in answered)
    assert any(attempt.outcome == "error" for gathered in answered for attempt in gathered.attempts)


async def test_a_replica_that_falls_silent_loses_no_request(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(fanout, *members)
        members[0].delay_s = 30
        for _ in range(6):
            gathered = await ask(fanout, 0.3)
            assert None not in gathered.answers
            assert gathered.waited_ms < 290


async def test_a_slow_replica_is_hedged_and_the_other_wins(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(fanout, *members)
        for _ in range(200):
            await ask(fanout)
        await asyncio.sleep(0.26)
        members[0].delay_s = 0.2
        async with asyncio.timeout(5):
            gathered = await ask(fanout)
            while not any(attempt.hedge and attempt.shard == 0 for attempt in gathered.attempts):
                gathered = await ask(fanout)
    lost, won = sorted((each for each in gathered.attempts if each.shard == 0), key=lambda attempt: attempt.hedge)
    assert (lost.outcome, won.outcome) == ("lost", "won")
    assert lost.instance_id != won.instance_id
    assert gathered.waited_ms < 190


async def test_hedges_stay_within_their_budget_when_everything_is_slow(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b"), (1, "b2")) as members:
        add(fanout, *members)
        for _ in range(100):
            await ask(fanout)
        await asyncio.sleep(0.26)
        for leaf in members:
            leaf.delay_s = 0.03

        async def user() -> None:
            for _ in range(8):
                await ask(fanout)

        async with asyncio.TaskGroup() as users:
            for _ in range(20):
                users.create_task(user())
    assert sum(shard.hedging.sent for shard in fanout.shards) >= 1
    for shard in fanout.shards:
        assert shard.hedging.sent <= 260 * 0.05 + 1


async def test_a_connection_whose_answer_lost_stays_good(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(fanout, *members)
        members[0].delay_s = 0.12
        while not any(len(gathered.attempts) > 2 for gathered in [await ask(fanout)]):
            pass
        await until(lambda: not any(each.in_flight for each in fanout.instances(0.0)))
    counts = {each.instance_id: each for each in fanout.instances(0.0)}
    assert counts["i-a"].lost >= 1
    assert counts["i-a"].errors == counts["i-a"].timeouts == 0


async def test_a_shard_that_does_not_answer_in_time_is_missing_and_the_other_is_there(fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(fanout, a, b)
        a.delay_s = 30
        gathered = await ask(fanout, 0.15)
        assert gathered.answers[0] is None
        assert gathered.answers[1]["total"] == 3
        assert outcomes(gathered) == ["0 timeout", "1 won"]
        assert 140 <= gathered.waited_ms < 400


async def test_a_shard_without_replicas_is_waited_for_a_while_only(fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(fanout, b)
        gathered = await ask(fanout, 0.4)
        assert gathered.answers[0] is None
        assert gathered.waited_ms < 200
        asyncio.get_running_loop().call_later(0.02, fanout.add, a.machine)
        assert None not in (await ask(fanout, 0.4)).answers


async def test_a_replica_that_is_dropped_while_asked_is_replaced_at_once(fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as (a, a2, b):
        a.delay_s = 30
        add(fanout, a, b)
        asking = asyncio.ensure_future(ask(fanout))
        await until(lambda: a.heads)
        fanout.add(a2.machine)
        assert fanout.remove("i-a")
        gathered = await asking
    assert None not in gathered.answers
    assert outcomes(gathered) == ["0 error", "0 won", "1 won"]
