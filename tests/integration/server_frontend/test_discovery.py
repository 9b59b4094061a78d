"""Finding leaves: from events at once, from a plain listing when events fail, and only leaves that answer well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest_asyncio

from server.frontend.discovery import Discovery
from server.frontend.fanout import Fanout
from tests.integration.server_frontend.leaves import StubLeaf, leaves, until
from vmhost.api.views import CloudEvent, InstanceView, Snapshot
from vmhost.base.clock import SystemClock
from vmhost.base.errors import Unavailable


class ScriptedCloud:
    """A cloud whose instances the test sets; `tell` also sends the event."""

    def __init__(self) -> None:
        self.views: dict[str, InstanceView] = {}
        self.down = False
        self.impaired: set[str] = set()
        self.polls = 0
        self._events: asyncio.Queue[CloudEvent] = asyncio.Queue()

    def tell(self, view: InstanceView) -> None:
        self.views[view.id] = view
        self._events.put_nowait(view)

    async def describe_instances(self, filters: Mapping[str, Sequence[str]] | None = None) -> tuple[InstanceView, ...]:
        self.polls += 1
        if self.down:
            raise Unavailable("the cloud is away; expected an answer")
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


def members(fanout: Fanout) -> set[str]:
    return {machine.instance_id for machine in fanout.machines()}


@pytest_asyncio.fixture
async def cloud(fanout: Fanout) -> AsyncIterator[ScriptedCloud]:
    """A cloud, and a discovery that follows it."""
    made = ScriptedCloud()
    discovery = Discovery(made, fanout, service="search", clock=SystemClock(), changed=lambda: None, poll_s=0.1)
    following = asyncio.ensure_future(discovery.run())
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_running_leaf_that_answers_becomes_a_replica(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.tell(view(a))
        cloud.tell(view(b, state="pending"))
        await until(lambda: members(fanout) == {"i-a"})
        cloud.tell(view(b))
        await until(lambda: fanout.complete)


async def test_a_leaf_that_leaves_running_is_dropped_at_once(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.tell(view(a))
        await until(lambda: members(fanout))
        cloud.tell(view(a, state="stopped"))
        await until(lambda: not members(fanout), within_s=0.5)


async def test_a_leaf_counts_only_once_it_is_healthy_for_its_shard(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "ill"), (0, "wrong"), (1, "well")) as (ill, wrong, well):
        ill.status = 503
        cloud.tell(view(ill))
        cloud.tell(view(wrong, shard="1"))
        cloud.tell(view(well))
        await until(lambda: members(fanout))
        await until(lambda: len(ill.heads) > 2 and len(wrong.heads) > 2)
        assert members(fanout) == {"i-well"}
        ill.status = 200
        await until(lambda: members(fanout) == {"i-ill", "i-well"})


async def test_instances_of_others_are_left_alone(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.tell(replace(view(a), id="i-other", tags={"search:service": "other", "search:shard": "0"}))
        cloud.tell(replace(view(a), id="i-odd", tags={"search:service": "search", "search:shard": "9"}))
        cloud.tell(replace(view(a), id="i-bare", tags={}))
        cloud.tell(view(b))
        await until(lambda: members(fanout))
        assert members(fanout) == {"i-b"}
        assert not a.heads


async def test_what_events_missed_a_listing_tells(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a"), (1, "b")) as (a, b):
        cloud.views = {"i-a": view(a), "i-b": view(b)}
        await until(lambda: fanout.complete)
        del cloud.views["i-a"]
        await until(lambda: members(fanout) == {"i-b"})


async def test_a_cloud_that_is_away_changes_nothing(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.tell(view(a))
        await until(lambda: members(fanout))
        cloud.down = True
        polls = cloud.polls
        await until(lambda: cloud.polls > polls + 2)
        assert members(fanout) == {"i-a"}


async def test_a_leaf_that_comes_back_elsewhere_is_asked_there(cloud: ScriptedCloud, fanout: Fanout) -> None:
    async with leaves((0, "a"), (0, "b")) as (a, b):
        cloud.tell(view(a))
        await until(lambda: members(fanout))
        cloud.tell(replace(view(b), id="i-a"))
        await until(lambda: [machine.port for machine in fanout.machines()] == [b.port])


async def test_an_impaired_leaf_is_dropped_at_once_and_comes_back_when_it_is_well(
    cloud: ScriptedCloud, fanout: Fanout
) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.tell(view(a))
        await until(lambda: members(fanout))
        cloud.impaired.add("i-a")
        cloud.tell(replace(view(a), impaired="its container is paused"))
        await until(lambda: not members(fanout), within_s=0.5)
        # A listing does not carry the status; the front end asks for it beside.
        cloud.views["i-a"] = view(a)
        polls = cloud.polls
        await until(lambda: cloud.polls > polls + 2)
        assert not members(fanout)
        cloud.impaired.clear()
        cloud.tell(view(a))
        await until(lambda: members(fanout) == {"i-a"})


async def test_an_impairment_whose_event_was_lost_is_found_by_the_next_poll(
    cloud: ScriptedCloud, fanout: Fanout
) -> None:
    async with leaves((0, "a")) as (a,):
        cloud.tell(view(a))
        await until(lambda: members(fanout))
        cloud.impaired.add("i-a")
        await until(lambda: not members(fanout))
