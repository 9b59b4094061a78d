"""The cloud as its events tell it."""

from __future__ import annotations

from dataclasses import replace

from client_builders import IDS, cloud, host, world

from client.tour.world import World, fold
from vmhost.api.views import CallView, FaultView

HOG = FaultView(fault_id="fault-1", fault="cpu_hog", instance_id=IDS[0], phase="begun", at=1.0, until=11.0)


def call(number: int) -> CallView:
    return CallView(
        id=f"call-{number}", at=1.0, action="RunInstances", by="boto3", instances=(), outcome="ok", message=""
    )


def test_a_hog_that_began_before_the_reader_came_is_known_until_it_ends() -> None:
    kill = replace(HOG, fault_id="fault-2", fault="kill", instance_id=IDS[1])
    known = fold(World(), replace(cloud(), faults=(HOG, kill)))
    assert known.hogging == {IDS[0]}
    assert fold(known, replace(HOG, phase="ended")).hogging == frozenset()


def test_a_hog_whose_end_fell_into_a_gap_is_over_with_the_next_snapshot() -> None:
    assert fold(fold(world(), HOG), cloud()).hogging == frozenset()


def test_the_last_calls_are_kept_each_once() -> None:
    known = fold(World(), replace(cloud(), calls=(call(0), call(1))))
    for number in (1, 2):
        known = fold(known, call(number))
    assert [each.id for each in known.calls] == ["call-0", "call-1", "call-2"]
    for number in range(3, 250):
        known = fold(known, call(number))
    assert [each.id for each in known.calls] == [f"call-{number}" for number in range(50, 250)]


def test_a_host_s_promises_are_those_told_last() -> None:
    fuller = replace(host("host-b"), cpu_used=0.7)
    known = fold(world(), fuller)
    assert known.snapshot is not None
    assert known.snapshot.hosts == (host("host-a"), fuller)
    assert known.instances == world().instances
    assert fold(World(), fuller) == World()
