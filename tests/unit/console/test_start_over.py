"""What starting over terminates and keeps."""

from __future__ import annotations

from client.cloud_state import CloudState
from client.console.start_over import extra_instances, present_targets, surplus
from vmhost.api.views import FleetView, InstanceView


def view(name: str, state: str, fleet: str | None) -> InstanceView:
    return InstanceView(
        id=name,
        type="t3.nano",
        state=state,
        host="host-a",
        zone="us-east-1a",
        image="ami-1",
        launched_at=0.0,
        fleet=fleet,
    )


def test_surplus_and_extra_instances() -> None:
    views = [
        view("i-kept", "running", "fleet-1"),
        view("i-coming", "pending", "fleet-1"),
        view("i-stopped", "stopped", "fleet-1"),
        view("i-own", "running", None),
        view("i-other", "running", "fleet-2"),
        view("i-going", "shutting-down", None),
        view("i-gone", "terminated", None),
    ]
    world = CloudState(instances={each.id: each for each in views})
    assert surplus(world, {"fleet-1": 2}) == ("i-stopped", "i-own", "i-other")
    # A stopped one of the service is no loss to the people who made the others.
    assert [each.id for each in extra_instances(world, {"fleet-1": 2})] == ["i-own", "i-other"]


def fleet(name: str, target: int, **tags: str) -> FleetView:
    return FleetView(
        id=name, state="active", type="maintain", target=target, fulfilled=0.0, template_id="lt-1",
        template_version="1", tags=tags,
    )  # fmt: skip


def test_replacement_fleets_of_service_kept() -> None:
    before = {"fleet-1": 2, "fleet-gone": 2}
    now = [fleet("fleet-1", 5), fleet("fleet-new", 3, **{"search:shard": "1"}), fleet("fleet-mine", 4)]
    assert present_targets(before, now) == {"fleet-1": 2, "fleet-new": 3}
    assert sum(present_targets({}, now).values()) == 3
