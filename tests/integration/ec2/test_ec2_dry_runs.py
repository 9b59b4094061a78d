"""A dry run says what the call would be answered, for each action that changes something, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.ec2.ec2_clients import Ec2, launch
from tests.integration.ec2.ec2_server import IMAGE, Served
from vmhost.ec2.ec2_service import ACTIONS

ABSENT, NO_TEMPLATE, NO_FLEET = "i-00000000000000000", "lt-00000000000000000", "fleet-00000000000000000"
RUN = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
DATA = {"ImageId": IMAGE, "InstanceType": "t3.nano"}
TAG = [{"Key": "a", "Value": "b"}]
CAPACITY = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}
PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAomV3df2wX0SMNZKoKZcwuaU4h0WEBC0J8d2K4Qw0T/"


def fleet(template: str, **more: Any) -> dict[str, Any]:
    specification = {"LaunchTemplateName": template, "Version": "$Default"}
    configs = [{"LaunchTemplateSpecification": specification} | more.pop("config", {})]
    return {"LaunchTemplateConfigs": configs, "TargetCapacitySpecification": CAPACITY, "Type": "maintain"} | more


FAILS: list[tuple[str, dict[str, Any], str]] = [
    ("run_instances", RUN | {"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
    ("run_instances", RUN | {"ImageId": "no image"}, "InvalidAMIID.Malformed"),
    ("run_instances", RUN | {"InstanceType": "t9.huge"}, "InvalidParameterValue"),
    ("run_instances", RUN | {"MinCount": 2}, "InvalidParameterValue"),
    (
        "run_instances",
        RUN | {"LaunchTemplate": {"LaunchTemplateName": "none"}},
        "InvalidLaunchTemplateName.NotFoundException",
    ),
    ("run_instances", RUN | {"LaunchTemplate": {"LaunchTemplateId": NO_TEMPLATE}}, "InvalidLaunchTemplateId.NotFound"),
    ("run_instances", RUN | {"LaunchTemplate": {"LaunchTemplateId": "none"}}, "InvalidLaunchTemplateId.Malformed"),
    (
        "run_instances",
        RUN | {"MinCount": 400, "MaxCount": 400, "InstanceType": "t3.2xlarge"},
        "InsufficientInstanceCapacity",
    ),
    ("run_instances", RUN | {"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
    ("run_instances", RUN | {"ClientToken": "x" * 65}, "InvalidParameterValue"),
    ("start_instances", {"InstanceIds": [ABSENT]}, "InvalidInstanceID.NotFound"),
    ("stop_instances", {"InstanceIds": [ABSENT]}, "InvalidInstanceID.NotFound"),
    ("reboot_instances", {"InstanceIds": [ABSENT]}, "InvalidInstanceID.NotFound"),
    ("reboot_instances", {"InstanceIds": ["STOPPED"]}, "IncorrectInstanceState"),
    ("terminate_instances", {"InstanceIds": [ABSENT]}, "InvalidInstanceID.NotFound"),
    ("modify_instance_attribute", {"InstanceId": ABSENT}, "InvalidInstanceID.NotFound"),
    (
        "modify_instance_attribute",
        {"InstanceId": "RUNNING", "InstanceType": {"Value": "t3.micro"}},
        "IncorrectInstanceState",
    ),
    ("create_tags", {"Resources": [ABSENT], "Tags": TAG}, "InvalidInstanceID.NotFound"),
    ("create_tags", {"Resources": ["STOPPED"], "Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidParameterValue"),
    ("delete_tags", {"Resources": [ABSENT]}, "InvalidInstanceID.NotFound"),
    (
        "create_launch_template",
        {"LaunchTemplateName": "taken", "LaunchTemplateData": DATA},
        "InvalidLaunchTemplateName.AlreadyExistsException",
    ),
    ("delete_launch_template", {"LaunchTemplateName": "none"}, "InvalidLaunchTemplateName.NotFoundException"),
    ("create_key_pair", {"KeyName": "taken"}, "InvalidKeyPair.Duplicate"),
    ("import_key_pair", {"KeyName": "taken", "PublicKeyMaterial": PUBLIC_KEY}, "InvalidKeyPair.Duplicate"),
    ("import_key_pair", {"KeyName": "new", "PublicKeyMaterial": b"none"}, "InvalidKey.Format"),
    ("delete_key_pair", {}, "MissingParameter"),
    ("run_instances", RUN | {"KeyName": "none"}, "InvalidKeyPair.NotFound"),
    ("create_fleet", fleet("none"), "InvalidLaunchTemplateName.NotFoundException"),
    ("create_fleet", fleet("taken", config={"Overrides": [{"InstanceType": "t3.huge"}]}), "InvalidParameterValue"),
    ("create_fleet", fleet("taken", Type="instant"), "UnsupportedOperation"),
    (
        "create_fleet",
        fleet("taken", TargetCapacitySpecification=CAPACITY | {"TotalTargetCapacity": -1}),
        "InvalidParameterValue",
    ),
    ("modify_fleet", {"FleetId": NO_FLEET}, "InvalidFleetId.NotFound"),
    (
        "modify_fleet",
        {"FleetId": "FLEET", "TargetCapacitySpecification": {"TotalTargetCapacity": 5000}},
        "InvalidParameterValue",
    ),
]
SUCCEEDS: list[tuple[str, dict[str, Any]]] = [
    ("run_instances", RUN),
    ("start_instances", {"InstanceIds": ["STOPPED"]}),
    ("stop_instances", {"InstanceIds": ["STOPPED"]}),
    ("reboot_instances", {"InstanceIds": ["RUNNING"]}),
    ("terminate_instances", {"InstanceIds": ["RUNNING"]}),
    ("modify_instance_attribute", {"InstanceId": "STOPPED", "InstanceType": {"Value": "t3.micro"}}),
    ("create_tags", {"Resources": ["RUNNING"], "Tags": TAG}),
    ("delete_tags", {"Resources": ["RUNNING"], "Tags": TAG}),
    ("create_launch_template", {"LaunchTemplateName": "new", "LaunchTemplateData": DATA}),
    ("delete_launch_template", {"LaunchTemplateName": "taken"}),
    ("create_key_pair", {"KeyName": "new"}),
    ("import_key_pair", {"KeyName": "new", "PublicKeyMaterial": PUBLIC_KEY}),
    ("delete_key_pair", {"KeyName": "taken"}),
    ("create_fleet", fleet("taken")),
    ("modify_fleet", {"FleetId": "FLEET", "TargetCapacitySpecification": {"TotalTargetCapacity": 5}}),
    ("delete_fleets", {"FleetIds": ["FLEET"], "TerminateInstances": True}),
]


@pytest.fixture
async def names(ec2: Ec2) -> dict[str, str]:
    running, stopped = await launch(ec2, 2)
    await ec2.wait("instance_running", [running, stopped])
    await ec2.stop_instances(InstanceIds=[stopped])
    await ec2.wait("instance_stopped", [stopped])
    await ec2.create_launch_template(LaunchTemplateName="taken", LaunchTemplateData=DATA)
    await ec2.import_key_pair(KeyName="taken", PublicKeyMaterial=PUBLIC_KEY)
    nothing = {"TargetCapacitySpecification": CAPACITY | {"TotalTargetCapacity": 0}}
    made = await ec2.create_fleet(**fleet("taken") | nothing)
    return {"RUNNING": running, "STOPPED": stopped, "FLEET": made["FleetId"]}


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def snapshot(cloud: Served) -> tuple[Any, ...]:
    inside = cloud.cloud
    return inside.instances.all(), inside.templates.all(), inside.fleets.all(), inside.key_pairs.all()


async def test_dry_run_finds_every_failure(cloud: Served, ec2: Ec2, names: dict[str, str]) -> None:
    before = snapshot(cloud)
    for call, params, code in FAILS:
        for dry in ({"DryRun": True}, {}):
            assert await ec2.refused(call, **filled(params, names), **dry) == code, (call, params, dry)
    assert snapshot(cloud) == before


async def test_successful_dry_run_changes_nothing(cloud: Served, ec2: Ec2, names: dict[str, str]) -> None:
    before = snapshot(cloud)
    for call, params in SUCCEEDS:
        assert await ec2.refused(call, **filled(params, names), DryRun=True) == "DryRunOperation", call
    assert snapshot(cloud) == before
    changing = {name for name, action in ACTIONS.items() if not action.read_only}
    assert {call.replace("_", "") for call, _ in SUCCEEDS} == {name.lower() for name in changing}
