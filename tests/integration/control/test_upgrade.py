"""State written by former versions still opens, and its instances are kept.

`former_state/schema-N.sql` was written by the last version with that schema. It has an instance that runs, one that is
stopped, one that is terminated, two with an unfinished reboot (before and after the stop), and a fleet with one member.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fake_cloud import IMAGE, World, until

from tests.fakes import ManualClock
from vmhost.control.cloud import Cloud
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.control.instances.record import InstanceState
from vmhost.drivers.fake import FakeGuest
from vmhost.model.guest import GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

FORMER = Path(__file__).parent / "former_state"
LIMITS = Limits(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=2,
    cpu_weight=50,
    memory_mib=512,
    pids=256,
    disk_gib=1,
    network_mbps=5000,
)
RUNS, STOPPED, TERMINATED, MEMBER = (
    "i-02568d62257b73ea2",
    "i-06b3fdd8eb2b4f380",
    "i-06a8743547db58b0c",
    "i-0d9348a11f0ebd48d",
)
REBOOTING, RESTARTING = "i-0a6ff7616025cc198", "i-0dee7837db4acaa8e"


@pytest.fixture(params=sorted(FORMER.iterdir()), ids=lambda path: path.stem)
def former(request: pytest.FixtureRequest, world: World) -> World:
    """A world with the former version's store and guests."""
    world.clock = ManualClock(now=1_795_974_000)
    connection = sqlite3.connect(world.path)
    connection.executescript(request.param.read_text())
    addresses = dict(
        connection.execute(
            "SELECT id, json_extract(body, '$.address') FROM instance "
            "WHERE json_extract(body, '$.state') != 'terminated'"
        )
    )
    connection.close()
    for instance_id, address in addresses.items():
        number = int(address.rpartition(".")[2]) - 1 if address else 100
        spec = GuestSpec(instance_id=instance_id, host_id="host-a", boot=Boot(), limits=LIMITS)
        world.engine.guests[instance_id] = FakeGuest(spec=spec, number=number, running=bool(address), boots=1)
    return world


def settled(cloud: Cloud) -> dict[str, str]:
    return {instance.id: instance.state.value for instance in cloud.instances.all()}


async def test_former_state_opens_and_instances_are_kept(former: World) -> None:
    async with former.up(remove=False) as cloud:
        await until(lambda: former.engine.guests[REBOOTING].boots == 2)
        expected = dict.fromkeys((RUNS, MEMBER, REBOOTING, RESTARTING), "running")
        await until(lambda: settled(cloud) == {**expected, STOPPED: "stopped", TERMINATED: "terminated"})
        kept = cloud.instances.get(RUNS)
        assert (kept.address, kept.user_data, kept.tags) == ("198.18.0.2", b"shard 3", {"Name": "web"})
        assert {each: former.engine.guests[each].boots for each in expected} == dict.fromkeys(expected, 1) | {
            REBOOTING: 2
        }
        (fleet,) = cloud.fleets.all()
        assert ([one.id for one in cloud.fleets.members(fleet.id)], fleet.tags) == ([MEMBER], {"team": "red"})
        assert cloud.templates.get("nano").id == fleet.template_id
        assert await cloud.instances.console(TERMINATED) == f"boot 1 of {TERMINATED}\n"


async def test_former_client_tokens_still_count(former: World) -> None:
    async with former.up() as cloud:
        request = LaunchRequest(
            image_id=IMAGE, type_name="t3.nano", tags={"Name": "web"}, user_data=b"shard 3", client_token="once"
        )
        assert [one.id for one in cloud.instances.run(request)] == [RUNS]
        assert cloud.instances.get(RUNS).state is InstanceState.RUNNING
