"""Discovery: events are followed at once, a poll finds what they missed, and only healthy leaves are used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest_asyncio

from server.frontend.discovery import Discovery
from server.frontend.shard_map import ShardMap
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until
from vmhost.api.views import CloudEvent, InstanceView, Snapshot
from vmhost.base.clock import SystemClock
from vmhost.base.errors import Unavailable


class ScriptedCloud:
    """A cloud whose instances the test sets; `publish` also sends the event."""

    def __init__(self) -> None:
        self.views: dict[str, InstanceView] = {}
        self.down = False
        self.impaired: set[str] = set()
        self.polls = 0
        self._events: asyncio.Queue[CloudEvent] = asyncio.Queue()

    def publish(self, view: InstanceView) -> None:
        self.views[view.id] = view
        self._events.put_nowait(view)

    async def describe_instances(self, filters: Mapping[str, Sequence[str]] | None = None) -> tuple[InstanceView, ...]:
        self.polls += 1
        if self.down:
            raise Unavailable("the cloud does not answer")
        assert filters == {"tag:search:service": ["search"]}
        return tuple(self.views.values())

    async def impaired_instances(self) -> frozenset[str]:
        return frozenset(self.impaired)

    async def events(self, *, stats: bool) -> AsyncIterator[CloudEvent]:
        yield Snapshot(
            cloud="test",
            region="us-east-1",
            driver="fake",
            stands_for="nothing",
            capabilities=(),
            overcommit=1.0,
            hosts=(),
            instances=tuple(self.views.values()),
        )
        while True:
            yield await self._events.get()


def view(leaf: StubLeaf, state: str = "running", shard: str | None = None) -> InstanceView:
    return InstanceView(
        id=f"i-{leaf.name}",
        type="t3.nano",
        state=state,
        host="host-a",
        zone="us-east-1a",
        image="ami-0",
        launched_at=0.0,
        address="127.0.0.1",
        port=leaf.port,
        tags={"search:service": "search", "search:shard": shard or str(leaf.shard)},
    )


def members(shard_map: ShardMap) -> set[str]:
    return {leaf.instance_id for leaf in shard_map.leaves()}


@pytest_asyncio.fixture
async def cloud(shard_map: ShardMap) -> AsyncIterator[ScriptedCloud]:
    """A cloud, and a discovery that follows it."""
    made = ScriptedCloud()
    discovery = Discovery(made, shard_map, service="search", clock=SystemClock(), on_change=lambda: None, poll_s=0.1)
    following = asyncio.ensure_future(discovery.run())
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_healthy_running_leaf_becomes_a_replica(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.publish(view(a))
        cloud.publish(view(b, state="pending"))
        await until(lambda: members(shard_map) == {"i-a"})
        cloud.publish(view(b))
        await until(lambda: shard_map.complete)


async def test_stopped_leaf_is_removed_at_once(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.publish(view(a))
        await until(lambda: members(shard_map))
        cloud.publish(view(a, state="stopped"))
        await until(lambda: not members(shard_map), within_s=0.5)


async def test_leaf_must_be_healthy_for_its_shard(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "sick"), (0, "wrong"), (1, "well")) as (sick, wrong, well):
        sick.status = 503
        cloud.publish(view(sick))
        cloud.publish(view(wrong, shard="1"))
        cloud.publish(view(well))
        await until(lambda: members(shard_map))
        await until(lambda: len(sick.heads) > 2 and len(wrong.heads) > 2)
        assert members(shard_map) == {"i-well"}
        sick.status = 200
        await until(lambda: members(shard_map) == {"i-sick", "i-well"})


async def test_instances_of_other_services_are_ignored(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.publish(replace(view(a), id="i-other", tags={"search:service": "other", "search:shard": "0"}))
        cloud.publish(replace(view(a), id="i-odd", tags={"search:service": "search", "search:shard": "9"}))
        cloud.publish(replace(view(a), id="i-bare", tags={}))
        cloud.publish(view(b))
        await until(lambda: members(shard_map))
        assert members(shard_map) == {"i-b"}
        assert not a.heads


async def test_poll_finds_what_events_missed(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.views = {"i-a": view(a), "i-b": view(b)}
        await until(lambda: shard_map.complete)
        del cloud.views["i-a"]
        await until(lambda: members(shard_map) == {"i-b"})


async def test_unreachable_cloud_changes_nothing(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.publish(view(a))
        await until(lambda: members(shard_map))
        cloud.down = True
        polls = cloud.polls
        await until(lambda: cloud.polls > polls + 2)
        assert members(shard_map) == {"i-a"}


async def test_leaf_with_a_new_address_is_used_there(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a"), (0, "b")) as (a, b):
        cloud.publish(view(a))
        await until(lambda: members(shard_map))
        cloud.publish(replace(view(b), id="i-a"))
        await until(lambda: [leaf.port for leaf in shard_map.leaves()] == [b.port])


async def test_impaired_leaf_is_removed_until_it_recovers(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.publish(view(a))
        await until(lambda: members(shard_map))
        cloud.impaired.add("i-a")
        cloud.publish(replace(view(a), impaired="its container is paused"))
        await until(lambda: not members(shard_map), within_s=0.5)
        # A listing does not include the status, so the front end reads that separately.
        cloud.views["i-a"] = view(a)
        polls = cloud.polls
        await until(lambda: cloud.polls > polls + 2)
        assert not members(shard_map)
        cloud.impaired.clear()
        cloud.publish(view(a))
        await until(lambda: members(shard_map) == {"i-a"})


async def test_poll_finds_an_impaired_leaf(cloud: ScriptedCloud, shard_map: ShardMap) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.publish(view(a))
        await until(lambda: members(shard_map))
        cloud.impaired.add("i-a")
        await until(lambda: not members(shard_map))
