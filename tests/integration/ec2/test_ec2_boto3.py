"""boto3, unmodified, against a real server over a cloud of fake machines."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from tests.integration.ec2.ec2_clients import Ec2, launch, tagged
from tests.integration.ec2.ec2_server import IMAGE, Served
from vmhost.faults.kill import Kill


async def describe(ec2: Ec2, **params: Any) -> list[dict[str, Any]]:
    answer = await ec2.describe_instances(**params)
    return [instance for group in answer["Reservations"] for instance in group["Instances"]]


def by(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


async def test_instance_from_run_to_terminate(ec2: Ec2) -> None:
    ids = await launch(ec2, 2, TagSpecifications=tagged("instance", role="leaf", odd="<&> ü"))
    await ec2.wait("instance_running", ids)
    await ec2.wait("instance_status_ok", ids)
    first, second = await describe(ec2, InstanceIds=ids)
    assert first["State"] == {"Code": 16, "Name": "running"}
    assert first["PrivateIpAddress"] != second["PrivateIpAddress"] or first["Tags"] != second["Tags"]
    assert first["Placement"]["HostId"].startswith("host-")
    assert first["Placement"]["AvailabilityZone"].startswith("us-east-1")
    assert {"Key": "odd", "Value": "<&> ü"} in first["Tags"]
    assert (first["Architecture"], first["Hypervisor"], first["ImageId"]) == ("x86_64", "xen", IMAGE)
    answer = await ec2.stop_instances(InstanceIds=ids)
    assert {change["PreviousState"]["Name"] for change in answer["StoppingInstances"]} == {"running"}
    await ec2.wait("instance_stopped", ids)
    stopped = (await describe(ec2, InstanceIds=ids))[0]
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped["StateTransitionReason"].startswith("User initiated (2")
    await ec2.start_instances(InstanceIds=ids)
    await ec2.wait("instance_running", ids)
    await ec2.reboot_instances(InstanceIds=ids)
    answer = await ec2.terminate_instances(InstanceIds=ids)
    assert {change["CurrentState"]["Name"] for change in answer["TerminatingInstances"]} <= {
        "shutting-down",
        "terminated",
    }
    await ec2.wait("instance_terminated", ids)
    assert len(await describe(ec2, InstanceIds=ids)) == 2


async def test_filters_and_pages_select_instances(ec2: Ec2) -> None:
    leaves = await launch(ec2, 4, TagSpecifications=tagged("instance", role="leaf"))
    front = await launch(ec2, 1, TagSpecifications=tagged("instance", role="front"))
    await ec2.wait("instance_running", leaves + front)

    async def found(filters: list[dict[str, Any]]) -> set[str]:
        return {instance["InstanceId"] for instance in await describe(ec2, Filters=filters)}

    assert await found(by("tag:role", "leaf")) == set(leaves)
    assert await found(by("tag:role", "f*") + by("instance-state-name", "running")) == set(front)
    assert await found(by("tag-key", "role")) == {*leaves, *front}
    assert await found(by("instance-id", front[0], leaves[0])) == {front[0], leaves[0]}
    assert await found(by("instance-type", "t2.*")) == set()
    assert await found(by("image-id", IMAGE) + by("host-id", "host-a", "host-b")) == {*leaves, *front}
    one = (await describe(ec2, InstanceIds=front))[0]
    assert front[0] in await found(by("private-ip-address", one["PrivateIpAddress"]))
    assert front[0] in await found(by("availability-zone", one["Placement"]["AvailabilityZone"]))
    assert await ec2.refused("describe_instances", Filters=by("colour", "red")) == "InvalidParameterValue"
    more = await launch(ec2, 2)

    def pages() -> list[list[str]]:
        paginator = ec2.client.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
        return [[i["InstanceId"] for r in page["Reservations"] for i in r["Instances"]] for page in paginator]

    seen = await asyncio.to_thread(pages)
    assert [len(page) for page in seen] == [5, 2]
    assert sorted(seen[0] + seen[1]) == sorted(leaves + front + more)


async def test_failed_instance_has_a_reason(ec2: Ec2, cloud: Served) -> None:
    (instance_id,) = await launch(ec2)
    await ec2.wait("instance_running", [instance_id])
    await cloud.cloud.faults.inject(instance_id, Kill())
    await ec2.wait("instance_stopped", [instance_id])
    dead = (await describe(ec2, InstanceIds=[instance_id]))[0]
    assert dead["StateReason"]["Code"].startswith("Server.")
    assert "PrivateIpAddress" not in dead or dead["PrivateIpAddress"]
    assert (await ec2.describe_instance_status(InstanceIds=[instance_id]))["InstanceStatuses"] == []
    answer = await ec2.describe_instance_status(InstanceIds=[instance_id], IncludeAllInstances=True)
    status = answer["InstanceStatuses"][0]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("impaired", "ok")


async def test_errors_have_ec2_codes(ec2: Ec2) -> None:
    missing, run = "i-00000000000000000", {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
    (stopped,) = await launch(ec2)
    await ec2.wait("instance_running", [stopped])
    await ec2.stop_instances(InstanceIds=[stopped])
    await ec2.wait("instance_stopped", [stopped])
    assert await ec2.refused("describe_instances", InstanceIds=[missing]) == "InvalidInstanceID.NotFound"
    assert await ec2.refused("terminate_instances", InstanceIds=["x"]) == "InvalidInstanceID.Malformed"
    assert await ec2.refused("reboot_instances", InstanceIds=[stopped]) == "IncorrectInstanceState"
    assert await ec2.refused("run_instances", **{**run, "ImageId": "ami-0none0000"}) == "InvalidAMIID.NotFound"
    assert await ec2.refused("run_instances", **{**run, "InstanceType": "t9.huge"}) == "InvalidParameterValue"
    assert await ec2.refused("run_instances", **{**run, "MinCount": 2}) == "InvalidParameterValue"
    assert await ec2.refused("run_instances", **{**run, "KeyName": "mine"}) == "InvalidKeyPair.NotFound"
    assert await ec2.refused("run_instances", **run, DryRun=True) == "DryRunOperation"
    assert await ec2.refused("terminate_instances", InstanceIds=[missing], DryRun=True) == "InvalidInstanceID.NotFound"
    crowd = {**run, "InstanceType": "t3.2xlarge", "MinCount": 400, "MaxCount": 400}
    assert await ec2.refused("run_instances", **crowd) == "InsufficientInstanceCapacity"
    assert await ec2.refused("describe_vpcs") == "UnsupportedOperation"
    assert await ec2.refused("describe_instances", NextToken="x") == "InvalidNextToken"
    assert len(await describe(ec2)) == 1


async def test_client_token_launches_once(ec2: Ec2) -> None:
    first = await launch(ec2, 2, ClientToken="token-1")
    assert await launch(ec2, 2, ClientToken="token-1") == first
    code = await ec2.refused(
        "run_instances", ImageId=IMAGE, InstanceType="t3.micro", MinCount=2, MaxCount=2, ClientToken="token-1"
    )
    assert code == "IdempotentParameterMismatch"


async def test_types_images_regions_and_zones(ec2: Ec2) -> None:
    answer = await ec2.describe_instance_types(InstanceTypes=["t3.nano", "t2.micro", "m5.large"])
    types = {itype["InstanceType"]: itype for itype in answer["InstanceTypes"]}
    assert types["t3.nano"]["VCpuInfo"]["DefaultVCpus"] == 2
    assert types["t3.nano"]["MemoryInfo"]["SizeInMiB"] == 512
    assert types["t3.nano"]["ProcessorInfo"]["SupportedArchitectures"]
    assert (types["t3.nano"]["BurstablePerformanceSupported"], types["t3.nano"]["Hypervisor"]) == (True, "nitro")
    assert (types["m5.large"]["BurstablePerformanceSupported"], types["t2.micro"]["Hypervisor"]) == (False, "xen")
    burstable = await ec2.describe_instance_types(Filters=by("burstable-performance-supported", "true"), MaxResults=5)
    assert len(burstable["InstanceTypes"]) == 5
    assert burstable["NextToken"]
    assert await ec2.refused("describe_instance_types", InstanceTypes=["t9.huge"]) == "InvalidInstanceType"
    images = (await ec2.describe_images(Owners=["self"], Filters=by("name", "*")))["Images"]
    assert IMAGE in [image["ImageId"] for image in images]
    assert {image["State"] for image in images} == {"available"}
    assert (await ec2.describe_images(Owners=["amazon"]))["Images"] == []
    assert await ec2.refused("describe_images", ImageIds=["ami-0none0000"]) == "InvalidAMIID.NotFound"
    assert [region["RegionName"] for region in (await ec2.describe_regions())["Regions"]] == ["us-east-1"]
    zones = (await ec2.describe_availability_zones())["AvailabilityZones"]
    assert [(zone["ZoneName"], zone["State"]) for zone in zones] == [
        ("us-east-1a", "available"),
        ("us-east-1b", "available"),
    ]


async def test_tags_are_created_found_and_deleted(ec2: Ec2) -> None:
    first, second = await launch(ec2, 2)
    await ec2.create_tags(Resources=[first, second], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    answer = await ec2.describe_tags(Filters=by("resource-id", first) + by("key", "a"))
    assert answer["Tags"] == [{"Key": "a", "ResourceId": first, "ResourceType": "instance", "Value": "1"}]
    await ec2.delete_tags(Resources=[first], Tags=[{"Key": "a", "Value": "not this"}, {"Key": "b"}])
    tags = (await ec2.describe_tags(Filters=by("resource-id", first, second)))["Tags"]
    assert sorted((tag["ResourceId"] == first, tag["Key"]) for tag in tags) == [(False, "a"), (False, "b"), (True, "a")]
    reserved = [{"Key": "aws:mine", "Value": "x"}]
    assert await ec2.refused("create_tags", Resources=[first], Tags=reserved) == "InvalidParameterValue"
    assert await ec2.refused("create_tags", Resources=["i-00000000000000000"], Tags=[{"Key": "a"}]) in (
        "InvalidID",
        "InvalidInstanceID.NotFound",
        "InvalidID.NotFound",
    )


async def test_fleet_keeps_its_size(ec2: Ec2, cloud: Served) -> None:
    data = {
        "ImageId": IMAGE,
        "InstanceType": "t3.nano",
        "UserData": base64.b64encode(b"shard 0").decode(),
        "TagSpecifications": tagged("instance", role="leaf"),
    }
    template = (await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData=data))["LaunchTemplate"]
    again = await ec2.refused("create_launch_template", LaunchTemplateName="leaf", LaunchTemplateData=data)
    assert again == "InvalidLaunchTemplateName.AlreadyExistsException"
    listed = (await ec2.describe_launch_templates(LaunchTemplateNames=["leaf"]))["LaunchTemplates"]
    assert [one["LaunchTemplateId"] for one in listed] == [template["LaunchTemplateId"]]
    versions = await ec2.describe_launch_template_versions(LaunchTemplateName="leaf", Versions=["$Latest"])
    assert versions["LaunchTemplateVersions"][0]["LaunchTemplateData"] == data
    specification = {"LaunchTemplateName": "leaf", "Version": "$Default"}
    fleet_id = (
        await ec2.create_fleet(
            Type="maintain",
            LaunchTemplateConfigs=[{"LaunchTemplateSpecification": specification}],
            TargetCapacitySpecification={"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "on-demand"},
            TagSpecifications=tagged("fleet", service="search"),
        )
    )["FleetId"]

    async def members() -> list[dict[str, Any]]:
        return await describe(ec2, Filters=by("tag:aws:ec2:fleet-id", fleet_id) + by("instance-state-name", "running"))

    async with asyncio.timeout(10):
        while len(before := await members()) < 2:
            await asyncio.sleep(0.02)
        await cloud.cloud.faults.inject(before[0]["InstanceId"], Kill())
        while len(after := await members()) < 2 or before[0]["InstanceId"] in [one["InstanceId"] for one in after]:
            await asyncio.sleep(0.02)
    fleet = (await ec2.describe_fleets(FleetIds=[fleet_id]))["Fleets"][0]
    assert (fleet["FleetState"], fleet["FulfilledCapacity"], fleet["Type"]) == ("active", 2.0, "maintain")
    active = (await ec2.describe_fleet_instances(FleetId=fleet_id))["ActiveInstances"]
    assert {one["InstanceId"] for one in active} == {one["InstanceId"] for one in after}
    await ec2.modify_fleet(FleetId=fleet_id, TargetCapacitySpecification={"TotalTargetCapacity": 1})
    answer = await ec2.delete_fleets(FleetIds=[fleet_id, "fleet-0123456789abcdef0"], TerminateInstances=True)
    assert [one["FleetId"] for one in answer["SuccessfulFleetDeletions"]] == [fleet_id]
    assert answer["UnsuccessfulFleetDeletions"][0]["Error"]["Code"] == "fleetIdDoesNotExist"
    await ec2.wait("instance_terminated", [one["InstanceId"] for one in after])
    await ec2.delete_launch_template(LaunchTemplateName="leaf")
    gone = await ec2.refused("describe_launch_templates", LaunchTemplateNames=["leaf"])
    assert gone == "InvalidLaunchTemplateName.NotFoundException"


async def test_launch_uses_template_defaults(ec2: Ec2) -> None:
    data = {"ImageId": IMAGE, "InstanceType": "t3.micro", "TagSpecifications": tagged("instance", a="1", b="2")}
    template = (await ec2.create_launch_template(LaunchTemplateName="base", LaunchTemplateData=data))["LaunchTemplate"]
    answer = await ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=tagged("instance", b="3"),
    )
    instance = answer["Instances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"] if not tag["Key"].startswith("aws:")}
    assert (instance["InstanceType"], instance["ImageId"], tags) == ("t3.nano", IMAGE, {"a": "1", "b": "3"})
    both = {"LaunchTemplateId": template["LaunchTemplateId"], "LaunchTemplateName": "base"}
    assert await ec2.refused("run_instances", LaunchTemplate=both, MinCount=1, MaxCount=1) == (
        "InvalidParameterCombination"
    )
    wrong = {"LaunchTemplateName": "base", "Version": "7"}
    assert await ec2.refused("run_instances", LaunchTemplate=wrong, MinCount=1, MaxCount=1) == (
        "InvalidLaunchTemplateId.VersionNotFound"
    )
