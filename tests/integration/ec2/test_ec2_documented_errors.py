"""Error codes that programs wait for, lists of ids, pages and client tokens, as EC2 documents them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.ec2.ec2_clients import Ec2, launch, tagged
from tests.integration.ec2.ec2_server import IMAGE

RUN = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
TAG = [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("i-00000000000000000", "InvalidInstanceID.NotFound"),
        ("ami-00000000000000000", "InvalidAMIID.NotFound"),
        ("lt-00000000000000000", "InvalidLaunchTemplateId.NotFound"),
        ("fleet-00000000-0000-0000-0000-000000000000", "InvalidFleetId.NotFound"),
        ("vpc-00000000", "InvalidVpcID.NotFound"),
        ("sg-00000000000000000", "InvalidGroup.NotFound"),
        ("vol-00000000000000000", "InvalidVolume.NotFound"),
        ("i-1", "InvalidID"),
        ("web", "InvalidID"),
    ],
)
async def test_tagging_a_missing_resource_has_its_own_code(ec2: Ec2, resource: str, code: str) -> None:
    assert await ec2.refused("create_tags", Resources=[resource], Tags=TAG) == code
    assert await ec2.refused("delete_tags", Resources=[resource], Tags=TAG) == code


async def test_catalogue_image_is_not_reported_missing(ec2: Ec2) -> None:
    error = await ec2.error("create_tags", Resources=[IMAGE], Tags=TAG)
    assert error["Code"] == "UnsupportedOperation"
    assert error["Message"] == f"image {IMAGE} comes from the catalogue; tags on images are not supported here"


async def test_tag_limit_has_one_code_everywhere(ec2: Ec2) -> None:
    many = {f"key{number}": "" for number in range(50)}
    (one,) = await launch(ec2, TagSpecifications=tagged("instance", **many))
    assert await ec2.refused("create_tags", Resources=[one], Tags=TAG) == "TagLimitExceeded"
    specification = tagged("instance", more="", **many)
    assert await ec2.refused("run_instances", **RUN, TagSpecifications=specification) == "TagLimitExceeded"
    await ec2.create_tags(Resources=[one], Tags=[{"Key": "key7", "Value": "changed"}])
    template = {"LaunchTemplateName": "leaf", "LaunchTemplateData": {"ImageId": IMAGE}}
    specification = tagged("launch-template", more="", **many)
    assert (
        await ec2.refused("create_launch_template", **template, TagSpecifications=specification) == "TagLimitExceeded"
    )
    await ec2.create_launch_template(**template)
    fleet = {
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {"LaunchTemplateName": "leaf", "Version": "1"}}],
        "TargetCapacitySpecification": {"TotalTargetCapacity": 0},
    }
    specification = tagged("fleet", more="", **many)
    assert await ec2.refused("create_fleet", **fleet, TagSpecifications=specification) == "TagLimitExceeded"


async def test_empty_id_lists_are_named(ec2: Ec2) -> None:
    for call in ("start_instances", "stop_instances", "reboot_instances", "terminate_instances"):
        error = await ec2.error(call, InstanceIds=[])
        assert (error["Code"], error["Message"]) == ("InvalidParameterCombination", "No instances specified")
    for call, params, name in (
        ("create_tags", {"Resources": [], "Tags": TAG}, "ResourceId"),
        ("create_tags", {"Resources": ["i-00000000000000000"], "Tags": []}, "Tag"),
        ("delete_tags", {"Resources": []}, "ResourceId"),
        ("delete_fleets", {"FleetIds": [], "TerminateInstances": True}, "FleetId"),
        (
            "create_fleet",
            {"LaunchTemplateConfigs": [], "TargetCapacitySpecification": {"TotalTargetCapacity": 1}},
            "LaunchTemplateConfigs",
        ),
    ):
        error = await ec2.error(call, **params)
        assert (error["Code"], error["Message"].endswith(f"parameter {name}")) == ("MissingParameter", True), error
    await launch(ec2)
    described = await ec2.describe_instances(InstanceIds=[])
    assert len(described["Reservations"]) == 1


async def test_id_lists_are_limited_and_may_repeat(ec2: Ec2) -> None:
    ids = await launch(ec2, 2)
    await ec2.wait("instance_running", ids)
    described = await ec2.describe_instances(InstanceIds=[*ids, *ids])
    assert [len(group["Instances"]) for group in described["Reservations"]] == [2]
    assert len((await ec2.describe_instance_status(InstanceIds=[*ids, *ids]))["InstanceStatuses"]) == 2
    assert len((await ec2.describe_images(ImageIds=[IMAGE, IMAGE]))["Images"]) == 1
    assert len((await ec2.describe_instance_types(InstanceTypes=["t3.nano", "t3.nano"]))["InstanceTypes"]) == 1
    assert len((await ec2.terminate_instances(InstanceIds=[*ids, *ids]))["TerminatingInstances"]) == 2
    many = [f"i-{number:017x}" for number in range(1001)]
    assert await ec2.refused("describe_instance_status", InstanceIds=many[:101]) == "InvalidParameterValue"
    assert await ec2.refused("terminate_instances", InstanceIds=many) == "InvalidParameterValue"
    assert await ec2.refused("create_tags", Resources=many, Tags=TAG) == "InvalidParameterValue"
    fleets = [f"fleet-{number:017x}" for number in range(101)]
    assert await ec2.refused("delete_fleets", FleetIds=fleets, TerminateInstances=True) == "InvalidParameterValue"


async def test_malformed_and_missing_ids_have_own_codes(ec2: Ec2) -> None:
    for call, params, code in (
        ("run_instances", RUN | {"ImageId": "ami-1"}, "InvalidAMIID.Malformed"),
        ("describe_images", {"ImageIds": ["ami-1"]}, "InvalidAMIID.Malformed"),
        ("describe_images", {"ImageIds": ["ami-00000000000000000"]}, "InvalidAMIID.NotFound"),
        ("describe_instances", {"InstanceIds": ["i-1"]}, "InvalidInstanceID.Malformed"),
        ("describe_launch_templates", {"LaunchTemplateIds": ["leaf"]}, "InvalidLaunchTemplateId.Malformed"),
        ("describe_launch_templates", {"LaunchTemplateIds": ["lt-00000000"]}, "InvalidLaunchTemplateId.NotFound"),
        ("describe_launch_template_versions", {"LaunchTemplateId": "leaf"}, "InvalidLaunchTemplateId.Malformed"),
        ("delete_launch_template", {"LaunchTemplateId": "leaf"}, "InvalidLaunchTemplateId.Malformed"),
        ("describe_fleets", {"FleetIds": ["f"]}, "InvalidFleetId.Malformed"),
        ("modify_fleet", {"FleetId": "f"}, "InvalidFleetId.Malformed"),
    ):
        assert await ec2.refused(call, **params) == code, (call, params)


SPECIFICATION = {"LaunchTemplateSpecification": {"LaunchTemplateName": "leaf", "Version": "1"}}
FLEET = {"LaunchTemplateConfigs": [SPECIFICATION], "TargetCapacitySpecification": {"TotalTargetCapacity": 0}}
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("run_instances", {"MinCount": 1, "MaxCount": 1}, "MissingParameter", "ImageId or a LaunchTemplate"),
    ("run_instances", {**RUN, "UserData": "x" * 16_385}, "InvalidParameterValue", "user data of 16385 bytes"),
    (
        "create_launch_template",
        {"LaunchTemplateName": "other", "LaunchTemplateData": {"UserData": "%%%"}},
        "InvalidParameterValue",
        "Invalid BASE64 encoding of user data",
    ),
    (
        "create_launch_template",
        {"LaunchTemplateName": "a b c", "LaunchTemplateData": {"ImageId": IMAGE}},
        "InvalidLaunchTemplateName.MalformedException",
        "invalid launch template name 'a b c'",
    ),
    (
        "describe_launch_template_versions",
        {"LaunchTemplateName": "leaf", "Versions": ["7"]},
        "InvalidLaunchTemplateId.VersionNotFound",
        "Could not find the specified version 7",
    ),
    (
        "create_tags",
        {"Resources": ["i-00000000000000000"], "Tags": TAG * 2},
        "InvalidParameterValue",
        "tag key 'a' is given twice",
    ),
    (
        "create_fleet",
        {**FLEET, "LaunchTemplateConfigs": [SPECIFICATION, SPECIFICATION]},
        "UnsupportedOperation",
        "supports one LaunchTemplateConfig here; the request has 2",
    ),
    (
        "create_fleet",
        {**FLEET, "TargetCapacitySpecification": {"TotalTargetCapacity": 2, "OnDemandTargetCapacity": 1}},
        "UnsupportedOperation",
        "OnDemandTargetCapacity=1 here; it is always 2",
    ),
    (
        "create_fleet",
        {**FLEET, "ExcessCapacityTerminationPolicy": "never"},
        "InvalidParameterValue",
        "invalid ExcessCapacityTerminationPolicy 'never'",
    ),
    ("describe_regions", {"RegionNames": ["eu-west-1"]}, "InvalidParameterValue", "region 'eu-west-1' is not provided"),
    (
        "describe_availability_zones",
        {"ZoneNames": ["us-east-1z"]},
        "InvalidParameterValue",
        "availability zone 'us-east-1z' is not provided",
    ),
]


async def test_refusals_name_code_and_cause(ec2: Ec2) -> None:
    await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData={"ImageId": IMAGE})
    for call, params, code, words in REFUSED:
        error = await ec2.error(call, **params)
        assert (error["Code"], words in error["Message"]) == (code, True), (call, error)


async def test_types_show_cores_and_threads(ec2: Ec2) -> None:
    types = (await ec2.describe_instance_types(InstanceTypes=["t2.medium", "t3.nano"]))["InstanceTypes"]
    shown = {each["InstanceType"]: each["VCpuInfo"] for each in types}
    assert shown["t2.medium"] == {"DefaultVCpus": 2, "DefaultCores": 2, "DefaultThreadsPerCore": 1}
    assert shown["t3.nano"] == {"DefaultVCpus": 2, "DefaultCores": 1, "DefaultThreadsPerCore": 2}


async def test_images_are_shown_to_owner_and_everyone(ec2: Ec2) -> None:
    for params, shown in (
        ({"ExecutableUsers": ["self"]}, True),
        ({"ExecutableUsers": ["all"]}, True),
        ({"ExecutableUsers": ["210987654321"]}, False),
        ({"Owners": ["self"]}, True),
        ({"Owners": ["210987654321"]}, False),
    ):
        assert bool((await ec2.describe_images(**params))["Images"]) is shown, params


async def test_only_running_instances_have_a_status_by_default(ec2: Ec2) -> None:
    running, stopped = await launch(ec2, 2)
    await ec2.wait("instance_running", [running, stopped])
    await ec2.stop_instances(InstanceIds=[stopped])
    await ec2.wait("instance_stopped", [stopped])
    for params, ids in (({}, {running}), ({"IncludeAllInstances": True}, {running, stopped})):
        statuses = (await ec2.describe_instance_status(**params))["InstanceStatuses"]
        assert {each["InstanceId"] for each in statuses} == ids


async def test_page_size_with_ids_is_refused(ec2: Ec2) -> None:
    (one,) = await launch(ec2)
    for call in ("describe_instances", "describe_instance_status", "describe_instance_credit_specifications"):
        assert await ec2.refused(call, InstanceIds=[one], MaxResults=5) == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("call", "size"),
    [
        ("describe_fleets", 1001),
        ("describe_images", 1001),
        ("describe_instance_credit_specifications", 1001),
        ("describe_instance_status", 4),
        ("describe_instance_types", 101),
        ("describe_instances", 4),
        ("describe_instances", 1001),
        ("describe_launch_templates", 201),
        ("describe_tags", 4),
    ],
)
async def test_page_size_has_the_documented_range(ec2: Ec2, call: str, size: int) -> None:
    error = await ec2.error(call, MaxResults=size)
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].startswith(f"value ({size}) for parameter maxResults is invalid; use ")


async def test_pages_return_every_item_once(ec2: Ec2) -> None:
    await launch(ec2, 6, TagSpecifications=tagged("instance", a="1", b="2"))
    for name in ("aaa", "bbb", "ccc"):
        await ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": IMAGE})
        configs = [{"LaunchTemplateSpecification": {"LaunchTemplateName": name, "Version": "1"}}]
        await ec2.create_fleet(
            LaunchTemplateConfigs=configs,
            TargetCapacitySpecification={"TotalTargetCapacity": 0, "DefaultTargetCapacityType": "on-demand"},
        )
    everything: list[tuple[str, str, str, int, dict[str, Any]]] = [
        ("describe_instances", "Reservations[].Instances[]", "InstanceId", 5, {}),
        ("describe_instance_credit_specifications", "InstanceCreditSpecifications[]", "InstanceId", 5, {}),
        ("describe_instance_status", "InstanceStatuses[]", "InstanceId", 5, {"IncludeAllInstances": True}),
        ("describe_instance_types", "InstanceTypes[]", "InstanceType", 5, {}),
        ("describe_launch_templates", "LaunchTemplates[]", "LaunchTemplateId", 2, {}),
        (
            "describe_launch_template_versions",
            "LaunchTemplateVersions[]",
            "LaunchTemplateId",
            2,
            {"Versions": ["$Latest"]},
        ),
        ("describe_fleets", "Fleets[]", "FleetId", 2, {}),
        ("describe_tags", "Tags[]", "[ResourceId, Key]", 5, {}),
    ]
    for call, items, key, size, params in everything:
        paginator = ec2.client.get_paginator(call)

        def seen(
            size: int | None, paginator: Any = paginator, params: Any = params, path: str = f"{items}.{key}"
        ) -> Any:
            pages = paginator.paginate(**params, PaginationConfig={"PageSize": size} if size else {})
            return [str(item) for item in pages.search(path)]

        whole, paged = await asyncio.to_thread(seen, None), await asyncio.to_thread(seen, size)
        assert len(whole) > size, call
        assert sorted(paged) == sorted(whole), call


async def test_client_token_ends_with_its_resource(ec2: Ec2) -> None:
    (first,) = await launch(ec2, ClientToken="t" * 64)
    assert await launch(ec2, ClientToken="t" * 64) == [first]
    await ec2.terminate_instances(InstanceIds=[first])
    await ec2.wait("instance_terminated", [first])
    assert await ec2.refused("run_instances", **RUN, ClientToken="t" * 64) == "IdempotentInstanceTerminated"
    data = {"LaunchTemplateName": "leaf", "LaunchTemplateData": {"ImageId": IMAGE}}
    made = await ec2.create_launch_template(**data, ClientToken="t" * 128)
    assert await ec2.create_launch_template(**data, ClientToken="t" * 128) | {"ResponseMetadata": 0} == made | {
        "ResponseMetadata": 0
    }
    assert await ec2.refused("create_launch_template", **data, ClientToken="t" * 129) == "InvalidParameterValue"
    assert await ec2.refused("run_instances", **RUN, ClientToken="t" * 65) == "InvalidParameterValue"
    assert await ec2.refused("run_instances", **RUN, ClientToken="ü") == "InvalidParameterValue"


async def test_template_versions_are_selected_as_documented(ec2: Ec2) -> None:
    for name in ("aaa", "bbb"):
        await ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": IMAGE})

    async def versions(**params: Any) -> list[tuple[str, int]]:
        answer = await ec2.describe_launch_template_versions(**params)
        return [(one["LaunchTemplateName"], one["VersionNumber"]) for one in answer["LaunchTemplateVersions"]]

    assert await versions(Versions=["$Latest", "$Default"]) == [("aaa", 1), ("bbb", 1)]
    assert await versions(LaunchTemplateName="aaa", MinVersion="1", MaxVersion="1") == [("aaa", 1)]
    assert await versions(LaunchTemplateName="aaa", MinVersion="2") == []
    assert await ec2.refused("describe_launch_template_versions") == "MissingParameter"
    assert await ec2.refused("describe_launch_template_versions", Versions=["1"]) == "MissingParameter"
    assert await ec2.refused("describe_launch_template_versions", LaunchTemplateName="aaa", MinVersion="x") == (
        "InvalidParameterValue"
    )


async def test_no_error_denies_what_ec2_has(ec2: Ec2) -> None:
    for call, params in (
        ("run_instances", RUN | {"InstanceType": "c7g.large"}),
        ("describe_instance_types", {"InstanceTypes": ["c7g.large"]}),
        ("describe_instances", {"Filters": [{"Name": "vpc-id", "Values": ["x"]}]}),
        ("run_instances", RUN | {"TagSpecifications": tagged("volume", a="b")}),
        ("describe_instance_attribute", {"InstanceId": "i-00000000000000000", "Attribute": "kernel"}),
        ("describe_vpcs", {}),
    ):
        message = (await ec2.error(call, **params))["Message"]
        assert "invalid" not in message, message
        assert "not exist" not in message, message
        assert " here" in message, message
