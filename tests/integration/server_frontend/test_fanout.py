"""Fan-outs over real connections: failed attempts are retried, slow ones hedged, and no request is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from server.api.timing import Attempt
from server.frontend.fanout import fan_out
from server.frontend.shard_map import ShardMap
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until

REQUEST = (b"GET /search?q=q&n=3 HTTP/1.1\r\nHost: leaf\r\nX-Deadline-Ms: ", b"\r\n\r\n")


def parse_json(_status: int, _headers: Mapping[bytes, bytes], body: bytes) -> Any:
    return json.loads(body)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one fan-out."""

    results: list[Any]
    attempts: tuple[Attempt, ...]
    waited_ms: float

    @property
    def outcomes(self) -> list[str]:
        return sorted(f"{each.shard} {each.outcome}" for each in self.attempts)


async def send(shard_map: ShardMap, deadline_s: float = 1.0) -> Sent:
    fanout = await fan_out(shard_map.timers, shard_map.shards, REQUEST, deadline_s=deadline_s, parse=parse_json)
    return Sent(fanout.results(), fanout.take_attempts(fanout.started), fanout.waited_ms)


def add(shard_map: ShardMap, *members: StubLeaf) -> None:
    for leaf in members:
        shard_map.add(leaf.instance)


async def test_each_shard_gets_one_attempt(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(shard_map, a, b)
        sent = await send(shard_map)
    assert [answer["total"] for answer in sent.results] == [3, 3]
    assert sent.outcomes == ["0 won", "1 won"]
    for attempt in sent.attempts:
        assert attempt.search_ms == 1.05
        assert 0 <= attempt.start_ms <= attempt.start_ms + attempt.dur_ms <= sent.waited_ms + 0.001


async def test_leaf_gets_the_time_left(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as (a, a2, b):
        add(shard_map, a, a2, b)
        a.status = a2.status = 503
        await send(shard_map, 0.4)
    left_ms = [int(head.split("X-Deadline-Ms: ")[1].split("\r\n")[0]) for head in b.heads + a.heads + a2.heads]
    assert 390 <= max(left_ms) <= 400
    assert 0 < min(left_ms) < 400


@pytest.mark.parametrize(
    "misbehave",
    [
        {"status": 500},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{{{{"},
        {"raw": b"what is this\r\n\r\n"},
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]" * 2},
    ],
)
async def test_failing_replica_costs_no_answer(shard_map: ShardMap, misbehave: dict[str, Any]) -> None:
    async with leaves((0, "bad"), (0, "good"), (1, "b")) as (bad, good, b):
        for name, value in misbehave.items():
            setattr(bad, name, value)
        add(shard_map, bad, good, b)
        for _ in range(30):
            sent = await send(shard_map)
            assert None not in sent.results
    errors = sum(replica.errors for replica in shard_map.counters(0.0) if replica.instance_id == "i-bad")
    assert errors >= 1 or "raw" in misbehave


async def test_failing_replica_is_set_aside_and_returns(shard_map: ShardMap) -> None:
    async with leaves((0, "bad"), (0, "good"), (1, "b")) as (bad, good, b):
        add(shard_map, bad, good, b)
        bad.status = 500
        for _ in range(40):
            await send(shard_map)
        assert len(bad.heads) <= 3
        bad.status = 200
        async with asyncio.timeout(3):
            while any(each.aside for each in shard_map.counters(0.0)):
                await send(shard_map)
                await asyncio.sleep(0.01)
        before = len(bad.heads)
        for _ in range(20):
            await send(shard_map)
        assert len(bad.heads) > before


async def test_killed_replica_under_load_loses_no_request(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b"), (1, "b2")) as members:
        add(shard_map, *members)
        for leaf in members:
            leaf.delay_s = 0.005
        answered: list[Sent] = []

        async def user() -> None:
            for _ in range(40):
                answered.append(await send(shard_map))

        async with asyncio.TaskGroup() as users:
            for _ in range(10):
                users.create_task(user())
            await asyncio.sleep(0.1)
            members[0].kill()
    assert len(answered) == 400
    assert all(None not in sent.results for sent in answered)
    assert any(attempt.outcome == "error" for sent in answered for attempt in sent.attempts)


async def test_silent_replica_loses_no_request(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(shard_map, *members)
        members[0].delay_s = 30
        for _ in range(6):
            sent = await send(shard_map, 0.3)
            assert None not in sent.results
            assert sent.waited_ms < 290


async def test_slow_replica_is_hedged(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(shard_map, *members)
        for _ in range(200):
            await send(shard_map)
        await asyncio.sleep(0.26)
        members[0].delay_s = 0.2
        async with asyncio.timeout(5):
            sent = await send(shard_map)
            while not any(attempt.hedge and attempt.shard == 0 for attempt in sent.attempts):
                sent = await send(shard_map)
    lost, won = sorted((each for each in sent.attempts if each.shard == 0), key=lambda attempt: attempt.hedge)
    assert (lost.outcome, won.outcome) == ("lost", "won")
    assert lost.instance_id != won.instance_id
    assert sent.waited_ms < 190


async def test_hedges_stay_within_budget_when_all_is_slow(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b"), (1, "b2")) as members:
        add(shard_map, *members)
        for _ in range(100):
            await send(shard_map)
        await asyncio.sleep(0.26)
        for leaf in members:
            leaf.delay_s = 0.03

        async def user() -> None:
            for _ in range(8):
                await send(shard_map)

        async with asyncio.TaskGroup() as users:
            for _ in range(20):
                users.create_task(user())
    assert sum(shard.hedging.sent for shard in shard_map.shards) >= 1
    for shard in shard_map.shards:
        assert shard.hedging.sent <= 260 * 0.05 + 1


async def test_connection_of_a_lost_attempt_is_reused(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as members:
        add(shard_map, *members)
        members[0].delay_s = 0.12
        while not any(len(sent.attempts) > 2 for sent in [await send(shard_map)]):
            pass
        await until(lambda: not any(each.in_flight for each in shard_map.counters(0.0)))
    counts = {each.instance_id: each for each in shard_map.counters(0.0)}
    assert counts["i-a"].lost >= 1
    assert counts["i-a"].errors == counts["i-a"].timeouts == 0


async def test_late_shard_is_missing_from_the_answer(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(shard_map, a, b)
        a.delay_s = 30
        sent = await send(shard_map, 0.15)
        assert sent.results[0] is None
        assert sent.results[1]["total"] == 3
        assert sent.outcomes == ["0 timeout", "1 won"]
        assert 140 <= sent.waited_ms < 400


async def test_shard_without_replicas_is_retried_briefly(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        add(shard_map, b)
        sent = await send(shard_map, 0.4)
        assert sent.results[0] is None
        assert sent.waited_ms < 200
        asyncio.get_running_loop().call_later(0.02, shard_map.add, a.instance)
        assert None not in (await send(shard_map, 0.4)).results


async def test_removed_replica_is_retried_elsewhere(shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "a2"), (1, "b")) as (a, a2, b):
        a.delay_s = 30
        add(shard_map, a, b)
        pending = asyncio.ensure_future(send(shard_map))
        await until(lambda: a.heads)
        shard_map.add(a2.instance)
        assert shard_map.remove("i-a")
        sent = await pending
    assert None not in sent.results
    assert sent.outcomes == ["0 error", "0 won", "1 won"]
