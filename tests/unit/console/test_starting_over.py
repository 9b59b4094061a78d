"""What starting over ends: everything that was not there in the beginning."""

from __future__ import annotations

from client.console.starting_over import Defaults, surplus
from client.tour.world import World
from vmhost.api.views import InstanceView


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


def test_only_what_the_default_fleets_have_at_work_stays() -> None:
    views = [
        view("i-kept", "running", "fleet-1"),
        view("i-coming", "pending", "fleet-1"),
        view("i-stopped", "stopped", "fleet-1"),
        view("i-own", "running", None),
        view("i-other", "running", "fleet-2"),
        view("i-going", "shutting-down", None),
        view("i-gone", "terminated", None),
    ]
    world = World(instances={each.id: each for each in views})
    assert surplus(world, Defaults(targets={"fleet-1": 2})) == ("i-stopped", "i-own", "i-other")
