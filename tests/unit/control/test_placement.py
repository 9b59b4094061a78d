from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import NoCapacity, NotFound
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.placement import HostRoom, PlacementConstraint, guaranteed_cores, place
from vmhost.model.host import Host, HostUse

TYPES = {kind.name: kind for kind in load_types().types}
NANO = TYPES["t3.nano"]


def room(letter: str, cores: float = 2.0, memory: int = 4096, used_cores: float = 0.0, used_mib: int = 0) -> HostRoom:
    return HostRoom(
        host=Host(id=f"host-{letter}", zone=f"us-east-1{letter}", cpu_cores=cores, memory_mib=memory, pids=1000),
        use=HostUse(cpu_cores=used_cores, memory_mib=used_mib),
    )


rooms_strategy = st.lists(
    st.tuples(st.floats(0, 8), st.integers(0, 65536), st.floats(0, 8), st.integers(0, 65536)), min_size=1, max_size=6
).map(lambda sizes: [room(letter, *size) for letter, size in zip("abcdef", sizes, strict=False)])


@given(rooms=rooms_strategy, kind=st.sampled_from(list(TYPES.values())))
def test_placed_instance_fits_and_refused_fits_nowhere(rooms: list[HostRoom], kind: object) -> None:
    assert kind in TYPES.values()
    chosen = next(one for one in TYPES.values() if one == kind)
    try:
        host = place(chosen, rooms)
    except NoCapacity:
        for one in rooms:
            short_of_cores = guaranteed_cores(chosen) > one.free_cores
            assert short_of_cores or chosen.memory_mib > one.free_mib
    else:
        target = next(one for one in rooms if one.host == host)
        assert target.use.cpu_cores + guaranteed_cores(chosen) <= target.host.cpu_cores + 0.001
        assert target.use.memory_mib + chosen.memory_mib <= target.host.memory_mib


@given(rooms=rooms_strategy, name=st.sampled_from(sorted(TYPES)))
def test_how_many_agrees_with_placement(rooms: list[HostRoom], name: str) -> None:
    for one in rooms:
        count, placed, filled = one.how_many(TYPES[name]), 0, one
        assert bool(one.shortage(TYPES[name])) is (count == 0)
        with contextlib.suppress(NoCapacity):
            while placed <= count:
                place(TYPES[name], [filled])
                filled, placed = filled.with_one(TYPES[name]), placed + 1
        assert placed == count


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (room("a", 0.75, 65536, 0.64), "host-a has 0.11 of 0.75 cores free; t3.large needs 0.6 cores"),
        (room("a", 2.0, 4096, 0.0, 1024), "host-a has 3072 of 4096 MiB free; t3.large needs 8192 MiB"),
        (
            room("b", 0.5, 512),
            "host-b has 0.5 of 0.5 cores and 512 of 512 MiB free; t3.large needs 0.6 cores and 8192 MiB",
        ),
        (room("a", 0.75, 8192), ""),
    ],
)
def test_shortage_names_free_and_needed(one: HostRoom, words: str) -> None:
    assert one.shortage(TYPES["t3.large"]) == words


@given(count=st.integers(1, 12), hosts=st.integers(1, 4))
def test_instances_with_the_same_key_are_spread_evenly(count: int, hosts: int) -> None:
    rooms = [room(letter, 64, 65536) for letter in "abcd"[:hosts]]
    peers: Counter[str] = Counter()
    for _ in range(count):
        peers[place(NANO, rooms, peers=peers).id] += 1
    assert max(peers.values()) - min(peers[one.host.id] for one in rooms) <= 1


def test_two_fleets_do_not_share_a_host() -> None:
    rooms = [room("a"), room("b")]
    for fleet in ("one", "two"):
        peers: Counter[str] = Counter()
        for _ in range(2):
            host = place(NANO, rooms, peers=peers)
            peers[host.id] += 1
            rooms = [one.with_one(NANO) if one.host == host else one for one in rooms]
        assert peers == {"host-a": 1, "host-b": 1}, fleet


def test_room_matters_more_than_spreading() -> None:
    assert place(NANO, [room("a"), room("b", memory=100)], peers={"host-a": 5}).id == "host-a"


def test_emptier_host_is_chosen() -> None:
    assert place(NANO, [room("a", used_mib=1024), room("b")]).id == "host-b"


def test_constraint_is_met_or_refused_by_name() -> None:
    rooms = [room("a"), room("b", used_mib=1024)]
    assert place(NANO, rooms, constraint=PlacementConstraint(zone="us-east-1b")).id == "host-b"
    assert place(NANO, rooms, constraint=PlacementConstraint(host_id="host-b")).id == "host-b"
    with pytest.raises(NotFound, match="no host in us-east-1q here; there are host-a in us-east-1a, host-b"):
        place(NANO, rooms, constraint=PlacementConstraint(zone="us-east-1q"))
    with pytest.raises(NotFound):
        place(NANO, rooms, constraint=PlacementConstraint(zone="us-east-1a", host_id="host-b"))


def test_refusal_names_needed_free_and_overcommit() -> None:
    with pytest.raises(NoCapacity) as refused:
        place(TYPES["m5.large"], [room("a", 0.75, 1280, 0.2, 1024), room("b", 0.75, 1280)], overcommit=1.5)
    assert refused.value.code == "InsufficientInstanceCapacity"
    message = str(refused.value)
    assert "m5.large needs 2 cores and 8192 MiB" in message
    assert "host-a has 0.55 cores and 256 MiB" in message
    assert "host-b has 0.75 cores and 1280 MiB" in message
    assert "--overcommit N (now 1.5)" in message


def test_placement_counts_guaranteed_cpu() -> None:
    rooms = [room("a", cores=0.5, memory=65536)]
    for _ in range(5):
        rooms = [rooms[0].with_one(NANO)]
    with pytest.raises(NoCapacity):
        place(NANO, rooms)
    assert rooms[0].free_cores == 0
