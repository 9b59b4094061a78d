from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import Conflict, InvalidInput
from vmhost.control.fleets.decide import FleetDecision, admit_change, admit_deletion, decide, overrides_in_order
from vmhost.control.fleets.record import Fleet, FleetOverride, FleetState
from vmhost.control.instances.record import Instance, InstanceState, Wanted
from vmhost.control.timeouts import Backoff

FLEET = Fleet(
    id="fleet-01",
    type="maintain",
    state=FleetState.ACTIVE,
    template_id="lt-01",
    template_version=1,
    target=4,
    created_at=0,
)


def member(number: int, state: InstanceState = InstanceState.RUNNING, host: str = "host-a") -> Instance:
    return Instance(
        id=f"i-{number:02}",
        reservation_id="r-01",
        launch_index=0,
        image_id="ami-01",
        type_name="t3.nano",
        host_id=host,
        zone=host.replace("host-", "us-east-1"),
        wanted=Wanted.RUNNING,
        state=state,
        generation=1,
        launched_at=float(number),
        changed_at=0,
    )


def test_missing_instances_are_launched() -> None:
    assert decide(FLEET, [member(1), member(2, InstanceState.PENDING)]) == FleetDecision(launch=2)


def test_stopped_member_is_terminated_and_replaced() -> None:
    members = [member(1), member(2), member(3), member(4, InstanceState.STOPPED)]
    assert decide(FLEET, members) == FleetDecision(launch=1, terminate=("i-04",))


def test_terminating_member_is_replaced() -> None:
    members = [member(1), member(2), member(3), member(4, InstanceState.SHUTTING_DOWN)]
    assert decide(FLEET, members) == FleetDecision(launch=1)


def test_unhealthy_member_is_replaced_with_health_checks() -> None:
    members = [member(1), member(2), member(3), member(4)]
    assert decide(replace(FLEET, replace_unhealthy=True), members, unhealthy={"i-02"}) == FleetDecision(
        launch=1, terminate=("i-02",)
    )
    assert decide(replace(FLEET, replace_unhealthy=False), members, unhealthy={"i-02"}) == FleetDecision()


def test_excess_goes_from_fullest_host_newest_first() -> None:
    members = [member(1), member(2), member(3), member(4, host="host-b")]
    assert decide(replace(FLEET, target=2), members) == FleetDecision(terminate=("i-03", "i-02"))


def test_excess_can_be_kept() -> None:
    assert decide(replace(FLEET, target=1, keep_excess=True), [member(1), member(2)]) == FleetDecision()


@pytest.mark.parametrize("state", [FleetState.DELETED_TERMINATING, FleetState.DELETED_RUNNING])
def test_deleted_fleet_is_over_without_instances(state: FleetState) -> None:
    fleet = replace(FLEET, state=state)
    expected = ("i-01",) if state is FleetState.DELETED_TERMINATING else ()
    assert decide(fleet, [member(1), member(2, InstanceState.SHUTTING_DOWN)]) == FleetDecision(terminate=expected)
    assert decide(fleet, []).over


@given(
    target=st.integers(0, 12),
    members=st.lists(
        st.tuples(
            st.sampled_from([s for s in InstanceState if s is not InstanceState.TERMINATED]),
            st.sampled_from(["host-a", "host-b"]),
        ),
        max_size=12,
    ),
)
def test_one_decision_reaches_the_target(target: int, members: list[tuple[InstanceState, str]]) -> None:
    fleet = replace(FLEET, target=target)
    before = [member(number, state, host) for number, (state, host) in enumerate(members)]
    step = decide(fleet, before)
    assert not (step.launch and len(step.terminate) > sum(one.state is InstanceState.STOPPED for one in before))
    after = [one for one in before if one.id not in step.terminate]
    after += [member(100 + number) for number in range(step.launch)]
    assert decide(fleet, after) == FleetDecision()
    alive = [one for one in after if one.api_state in (InstanceState.PENDING, InstanceState.RUNNING)]
    assert len(alive) == target


@given(hosts=st.lists(st.sampled_from(["host-a", "host-b"]), min_size=2, max_size=10), target=st.integers(0, 9))
def test_scaling_in_keeps_hosts_balanced(hosts: list[str], target: int) -> None:
    before = [member(number, host=host) for number, host in enumerate(hosts)]
    step = decide(replace(FLEET, target=target), before)
    counts = Counter({"host-a": 0, "host-b": 0})
    counts.update(one.host_id for one in before)
    gap = abs(counts["host-a"] - counts["host-b"])
    counts.subtract(one.host_id for one in before if one.id in step.terminate)
    assert abs(counts["host-a"] - counts["host-b"]) <= max(gap, 1)


def test_least_used_override_comes_first() -> None:
    ways = (FleetOverride(zone="us-east-1a"), FleetOverride(zone="us-east-1b"))
    fleet = replace(FLEET, overrides=ways)
    assert overrides_in_order(fleet, [member(1)], lambda _, __: 1.0) == (ways[1], ways[0])
    assert overrides_in_order(FLEET, [member(1)], lambda _, __: 1.0) == (FleetOverride(),)


def test_lowest_price_comes_first() -> None:
    ways = (FleetOverride(type_name="dear"), FleetOverride(type_name="cheap"))
    prices = {"dear": 2.0, "cheap": 1.0}
    fleet = replace(FLEET, overrides=ways)
    ordered = overrides_in_order(fleet, [member(1)], lambda _, way: prices[way.type_name or ""])
    assert ordered == (ways[1], ways[0])


def test_backoff_doubles_up_to_its_maximum() -> None:
    backoff = Backoff(first_s=0.5, most_s=3)
    assert [backoff.delay_s(failures) for failures in range(6)] == [0, 0.5, 1, 2, 3, 3]
    assert backoff.delay_s(10**6) == 3


def test_requests_are_accepted_ignored_or_refused() -> None:
    assert admit_change(FLEET, target=FLEET.target + 1).required() == {"target": FLEET.target + 1}
    assert admit_change(FLEET, target=FLEET.target, keep_excess=FLEET.keep_excess).required() == {}
    assert isinstance(admit_change(FLEET, target=-1).refusal, InvalidInput)
    assert admit_deletion(FLEET, terminate_instances=True).required() == {"state": FleetState.DELETED_TERMINATING}
    for state in (FleetState.DELETED, FleetState.DELETED_RUNNING, FleetState.DELETED_TERMINATING):
        deleted = replace(FLEET, state=state)
        assert isinstance(admit_change(deleted, target=1).refusal, Conflict)
        assert isinstance(admit_deletion(deleted, terminate_instances=False).refusal, Conflict)
