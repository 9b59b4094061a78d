"""Changing an instance: its type, protection, user data and shutdown behavior, over EC2 and for real in the driver."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ec2.ec2_clients import Ec2, launch
from tests.integration.ec2.ec2_server import IMAGE, Served, served
from vmhost.base.errors import Conflict, NoCapacity
from vmhost.drivers.fake import FakeSettings

RUN = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}


def memory_mib(cloud: Served, instance_id: str) -> int:
    """The memory limit that the driver enforces."""
    return cloud.driver.world.guest(instance_id).spec.limits.memory_mib


async def running(ec2: Ec2, **more: Any) -> str:
    (instance_id,) = await launch(ec2, **more)
    await ec2.wait("instance_running", [instance_id])
    return instance_id


async def test_stopped_instance_gets_the_limits_of_its_new_type(cloud: Served, ec2: Ec2) -> None:
    one = await running(ec2)
    await ec2.stop_instances(InstanceIds=[one])
    await ec2.wait("instance_stopped", [one])
    await ec2.modify_instance_attribute(InstanceId=one, InstanceType={"Value": "t3.small"})
    await ec2.start_instances(InstanceIds=[one])
    await ec2.wait("instance_running", [one])
    (shown,) = (await ec2.describe_instances(InstanceIds=[one]))["Reservations"][0]["Instances"]
    assert shown["InstanceType"] == "t3.small"
    assert memory_mib(cloud, one) == 2048
    assert cloud.cloud.instances.get(one).former_type is None


async def test_only_a_stopped_instance_changes_type_or_user_data(ec2: Ec2) -> None:
    one = await running(ec2)
    for change in ({"InstanceType": {"Value": "t3.small"}}, {"UserData": {"Value": b"x"}}):
        error = await ec2.error("modify_instance_attribute", InstanceId=one, **change)
        assert error["Code"] == "IncorrectInstanceState"
        assert "is not in the 'stopped' state" in error["Message"]


@pytest.mark.parametrize(
    ("attribute", "protected", "call"),
    [
        ("DisableApiTermination", "disableApiTermination", "terminate_instances"),
        ("DisableApiStop", "disableApiStop", "stop_instances"),
        ("DisableApiStop", "disableApiStop", "terminate_instances"),
    ],
)
async def test_protected_instance_refuses(ec2: Ec2, attribute: str, protected: str, call: str) -> None:
    one = await running(ec2, **{attribute: True})
    shown = await ec2.describe_instance_attribute(InstanceId=one, Attribute=protected)
    assert shown[attribute] == {"Value": True}
    for dry in ({"DryRun": True}, {}):
        error = await ec2.error(call, InstanceIds=[one], **dry)
        assert error["Code"] == "OperationNotPermitted"
        assert f"Modify its '{protected}'" in error["Message"]
    await ec2.modify_instance_attribute(InstanceId=one, Attribute=protected, Value="false")
    await getattr(ec2, call)(InstanceIds=[one])


async def test_user_data_and_shutdown_behavior_are_changed(cloud: Served, ec2: Ec2) -> None:
    one = await running(ec2)
    await ec2.modify_instance_attribute(InstanceId=one, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    await ec2.stop_instances(InstanceIds=[one])
    await ec2.wait("instance_stopped", [one])
    await ec2.modify_instance_attribute(InstanceId=one, UserData={"Value": b"new"})
    shown = await ec2.describe_instance_attribute(InstanceId=one, Attribute="userData")
    assert base64.b64decode(shown["UserData"]["Value"]) == b"new"
    assert cloud.cloud.instances.get(one).shutdown_behavior == "terminate"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"InstanceType": {"Value": "t9.huge"}}, "InvalidParameterValue"),
        ({"InstanceInitiatedShutdownBehavior": {"Value": "sleep"}}, "InvalidParameterValue"),
        ({"Attribute": "userData", "Value": "?"}, "InvalidParameterValue"),
        ({"Attribute": "disableApiStop", "Value": "maybe"}, "InvalidParameterValue"),
        ({"Attribute": "colour", "Value": "red"}, "InvalidParameterValue"),
        ({"Attribute": "kernel", "Value": "aki-1"}, "UnsupportedOperation"),
        ({"SourceDestCheck": {"Value": False}}, "UnsupportedOperation"),
        ({"DisableApiStop": {"Value": True}, "DisableApiTermination": {"Value": True}}, "InvalidParameterCombination"),
    ],
)
async def test_wrong_changes_are_refused(cloud: Served, ec2: Ec2, change: dict[str, Any], code: str) -> None:
    one = await running(ec2)
    await ec2.stop_instances(InstanceIds=[one])
    await ec2.wait("instance_stopped", [one])
    before = cloud.cloud.instances.get(one)
    assert await ec2.refused("modify_instance_attribute", InstanceId=one, **change) == code
    assert cloud.cloud.instances.get(one) == before


async def test_running_instance_is_resized_live(cloud: Served, ec2: Ec2) -> None:
    one = await running(ec2)
    changed = await cloud.cloud.instances.resize(one, "t3.micro")
    assert (changed.type_name, changed.former_type, changed.boots) == ("t3.micro", None, 1)
    assert memory_mib(cloud, one) == 1024


async def test_live_resize_needs_room_on_its_host(tmp_path: Path) -> None:
    async with served(tmp_path, settings=FakeSettings(hosts=1, memory_mib=4096)) as cloud:
        ec2 = Ec2(cloud)
        one, other = await launch(ec2, 2)
        await ec2.wait("instance_running", [one, other])
        with pytest.raises(NoCapacity, match=r"t3\.medium"):
            await cloud.cloud.instances.resize(one, "t3.medium")
        await cloud.cloud.instances.resize(one, "t3.micro")
        ec2.client.close()


async def test_stopped_instance_is_not_resized_live(cloud: Served, ec2: Ec2) -> None:
    one = await running(ec2)
    await ec2.stop_instances(InstanceIds=[one])
    await ec2.wait("instance_stopped", [one])
    with pytest.raises(Conflict, match="only a running one"):
        await cloud.cloud.instances.resize(one, "t3.micro")


async def test_instance_keeps_its_type_if_its_limits_cannot_change(cloud: Served, ec2: Ec2) -> None:
    one = await running(ec2)
    cloud.driver.world.guest(one).resize_error = Conflict("it uses more memory")
    with pytest.raises(Conflict, match="more memory"):
        await cloud.cloud.instances.resize(one, "t3.micro")
    kept = cloud.cloud.instances.get(one)
    assert (kept.type_name, kept.former_type) == ("t3.nano", None)
