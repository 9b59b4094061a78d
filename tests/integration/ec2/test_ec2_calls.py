"""EC2 calls in the cloud's log of calls."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.integration.ec2.ec2_clients import Ec2, aws, launch, tagged
from tests.integration.ec2.ec2_server import IMAGE, Served
from vmhost.api.client import CloudClient
from vmhost.api.views import CallView
from vmhost.base.errors import CloudError, Conflict, NotFound

UNKNOWN = "i-00000000000000000"
SECRET = "c2VjcmV0IG9mIHRoZSB1c2Vy"


def logged(cloud: Served) -> list[tuple[str, tuple[str, ...], str]]:
    return [(call.action, call.instances, call.outcome) for call in cloud.cloud.calls.last()]


async def test_each_change_is_logged_once_with_its_instances(cloud: Served, ec2: Ec2) -> None:
    ids = tuple(await launch(ec2, 2))
    await ec2.wait("instance_running", list(ids))
    await ec2.reboot_instances(InstanceIds=list(ids))
    await ec2.create_tags(Resources=list(ids), Tags=[{"Key": "Name", "Value": "x"}])
    await ec2.delete_tags(Resources=[ids[0]], Tags=[{"Key": "Name"}])
    await ec2.stop_instances(InstanceIds=[ids[0]])
    await ec2.wait("instance_stopped", [ids[0]])
    await ec2.start_instances(InstanceIds=[ids[0]])
    await ec2.terminate_instances(InstanceIds=list(ids))
    await ec2.describe_instances()
    assert logged(cloud) == [
        ("RunInstances", ids, "ok"),
        ("RebootInstances", ids, "ok"),
        ("CreateTags", ids, "ok"),
        ("DeleteTags", ids[:1], "ok"),
        ("StopInstances", ids[:1], "ok"),
        ("StartInstances", ids[:1], "ok"),
        ("TerminateInstances", ids, "ok"),
    ]
    assert {call.by for call in cloud.cloud.calls.last()} == {"boto3"}
    assert len({call.id for call in cloud.cloud.calls.last()}) == 7


async def test_errors_are_logged_dry_runs_and_reads_are_not(cloud: Served, ec2: Ec2) -> None:
    await ec2.refused("terminate_instances", InstanceIds=[UNKNOWN])
    await ec2.refused("run_instances", ImageId=IMAGE, InstanceType="t9.huge", MinCount=1, MaxCount=1)
    await ec2.refused("run_instances", ImageId=IMAGE, InstanceType="t3.nano", MinCount=1, MaxCount=1, DryRun=True)
    await ec2.refused("terminate_instances", InstanceIds=[UNKNOWN], DryRun=True)
    await ec2.refused("describe_instances", InstanceIds=[UNKNOWN])
    await ec2.refused("create_vpc", CidrBlock="10.0.0.0/16")
    assert logged(cloud) == [
        ("TerminateInstances", (UNKNOWN,), "InvalidInstanceID.NotFound"),
        ("RunInstances", (), "InvalidParameterValue"),
    ]
    assert cloud.cloud.calls.last()[0].message == f"The instance ID '{UNKNOWN}' does not exist"


async def test_fleet_calls_and_partial_failures_are_logged(cloud: Served, ec2: Ec2) -> None:
    data = {"ImageId": IMAGE, "InstanceType": "t3.nano"}
    await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData=data)
    configs = [{"LaunchTemplateSpecification": {"LaunchTemplateName": "leaf", "Version": "$Default"}}]
    capacity = {"TotalTargetCapacity": 0, "DefaultTargetCapacityType": "on-demand"}
    answer = await ec2.create_fleet(
        LaunchTemplateConfigs=configs, TargetCapacitySpecification=capacity, Type="maintain"
    )
    fleet = answer["FleetId"]
    await ec2.modify_fleet(FleetId=fleet, TargetCapacitySpecification={"TotalTargetCapacity": 1})
    async with asyncio.timeout(5):
        while fleet not in {call.by for call in cloud.cloud.calls.last()}:
            await asyncio.sleep(0.01)
    await ec2.delete_fleets(FleetIds=["fleet-0123456789abcdef0"], TerminateInstances=True)
    await ec2.delete_launch_template(LaunchTemplateName="leaf")
    assert [(call.action, call.outcome) for call in cloud.cloud.calls.last() if call.by == "boto3"] == [
        ("CreateLaunchTemplate", "ok"),
        ("CreateFleet", "ok"),
        ("ModifyFleet", "ok"),
        ("DeleteFleets", "fleetIdDoesNotExist"),
        ("DeleteLaunchTemplate", "ok"),
    ]


async def test_no_secret_is_logged(cloud: Served, ec2: Ec2) -> None:
    await launch(ec2, UserData=base64.b64decode(SECRET), TagSpecifications=tagged("instance", role="leaf"))
    async with CloudClient(cloud.access) as client:
        for params in ({"LaunchTemplateData": SECRET}, {"UserData": [SECRET]}, {"Monitoring": SECRET}):
            with pytest.raises(CloudError):
                await client._transport.action("RunInstances", {"MinCount": 1, "MaxCount": 1, **params})
        with pytest.raises(CloudError):
            await client._transport.action("CreateLaunchTemplate", {"LaunchTemplateData": SECRET})
    assert len(cloud.cloud.calls.last()) == 5
    for secret in (SECRET, base64.b64decode(SECRET).decode(), cloud.access.secret_access_key):
        assert secret not in str(cloud.cloud.calls.last())


async def test_calls_name_their_client(cloud: Served, ec2: Ec2) -> None:
    (one,) = await launch(ec2)
    await aws(cloud, "create-tags", "--resources", one, "--tags", "Key=Name,Value=x")
    for agent in ("glasscloud", "glasscloud-console"):
        async with CloudClient(cloud.access, agent=agent) as client:
            await client.reboot_instances([one])
    async with CloudClient(cloud.access) as client:
        await client.stop_instances([one])
    assert [call.by for call in cloud.cloud.calls.last()] == [
        *("boto3", "AWS CLI", "glasscloud", "glasscloud-console", "glasscloud"),
    ]


async def test_faults_are_logged_as_calls(cloud: Served, ec2: Ec2) -> None:
    (one,) = await launch(ec2)
    await ec2.wait("instance_running", [one])
    async with CloudClient(cloud.access, agent="glasscloud-console") as client:
        hog = await client.inject_fault("cpu_hog", one, seconds=0.1)
        await client.end_fault(fault_id=hog.fault_id)
        with pytest.raises(Conflict):
            await client.end_fault(instance_id=one)
        with pytest.raises(NotFound):
            await client.end_fault(fault_id="fault-0")
        await client.inject_fault("kill", one)
        calls: tuple[CallView, ...] = (await client.status()).calls
    assert calls == cloud.cloud.calls.last()
    assert logged(cloud)[1:] == [
        ("HogCpu", (one,), "ok"),
        ("EndFault", (one,), "ok"),
        ("EndFault", (one,), "IncorrectInstanceState"),
        ("EndFault", (), "InvalidID.NotFound"),
        ("Kill", (one,), "ok"),
    ]
    assert {call.by for call in calls[1:]} == {"glasscloud-console"}
