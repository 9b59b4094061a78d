"""Every filter that EC2 documents, read from botocore's model: it filters by what the response shows, or is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jmespath
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from tests.integration.ec2.ec2_clients import Ec2, launch, tagged
from tests.integration.ec2.ec2_server import IMAGE, served
from vmhost.ec2.ec2_service import ACTIONS

MODEL = ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2")  # type: ignore[no-untyped-call]
ITEMS = {
    "DescribeAvailabilityZones": "AvailabilityZones[]",
    "DescribeFleetInstances": "ActiveInstances[]",
    "DescribeFleets": "Fleets[]",
    "DescribeImages": "Images[]",
    "DescribeInstanceCreditSpecifications": "InstanceCreditSpecifications[]",
    "DescribeInstanceStatus": "InstanceStatuses[]",
    "DescribeInstanceTypes": "InstanceTypes[]",
    "DescribeInstances": "Reservations[]",
    "DescribeKeyPairs": "KeyPairs[]",
    "DescribeLaunchTemplateVersions": "LaunchTemplateVersions[]",
    "DescribeLaunchTemplates": "LaunchTemplates[]",
    "DescribeRegions": "Regions[]",
    "DescribeTags": "Tags[]",
}
"""Where each response has its items."""

IRREGULAR: Mapping[str, Mapping[str, str]] = {
    "DescribeImages": {"is-public": "Public", "manifest-location": "ImageLocation", "owner-alias": "ImageOwnerAlias"}
    | {"product-code": "ProductCodes[].ProductCodeId", "product-code.type": "ProductCodes[].ProductCodeType"}
    | {"state-reason-code": "StateReason.Code", "state-reason-message": "StateReason.Message"},
    "DescribeInstanceStatus": {
        "instance-state-code": "InstanceState.Code",
        "instance-state-name": "InstanceState.Name",
        "instance-status.reachability": "InstanceStatus.Details[].Status",
        "system-status.reachability": "SystemStatus.Details[].Status",
    },
    "DescribeInstances": {
        "affinity": "Placement.Affinity",
        "availability-zone": "Placement.AvailabilityZone",
        "availability-zone-id": "Placement.AvailabilityZoneId",
        "dns-name": "PublicDnsName",
        "host-id": "Placement.HostId",
        "instance-state-code": "State.Code",
        "instance-state-name": "State.Name",
        "instance.group-id": "SecurityGroups[].GroupId",
        "instance.group-name": "SecurityGroups[].GroupName",
        "ip-address": "PublicIpAddress",
        "launch-index": "AmiLaunchIndex",
        "monitoring-state": "Monitoring.State",
        "placement-group-name": "Placement.GroupName",
        "placement-partition-number": "Placement.PartitionNumber",
        "product-code": "ProductCodes[].ProductCodeId",
        "product-code.type": "ProductCodes[].ProductCodeType",
        "reason": "StateTransitionReason",
        "state-reason-code": "StateReason.Code",
        "state-reason-message": "StateReason.Message",
        "tenancy": "Placement.Tenancy",
    },
    "DescribeKeyPairs": {"fingerprint": "KeyFingerprint"},
    "DescribeLaunchTemplateVersions": {
        "ebs-optimized": "LaunchTemplateData.EbsOptimized",
        "host-resource-group-arn": "LaunchTemplateData.Placement.HostResourceGroupArn",
        "http-endpoint": "LaunchTemplateData.MetadataOptions.HttpEndpoint",
        "http-tokens": "LaunchTemplateData.MetadataOptions.HttpTokens",
        "iam-instance-profile": "LaunchTemplateData.IamInstanceProfile.Arn",
        "image-id": "LaunchTemplateData.ImageId",
        "instance-type": "LaunchTemplateData.InstanceType",
        "is-default-version": "DefaultVersion",
        "kernel-id": "LaunchTemplateData.KernelId",
        "license-configuration-arn": "LaunchTemplateData.LicenseSpecifications[].LicenseConfigurationArn",
        "network-card-index": "LaunchTemplateData.NetworkInterfaces[].NetworkCardIndex",
        "ram-disk-id": "LaunchTemplateData.RamDiskId",
    },
}
"""Filters whose name is not the path of the member that they filter by."""

WITHOUT_MEMBER = re.compile(
    r"block-device-mapping\..*|network-interface\..*|image-watermark\..*|scan-result\..*|event\..*|operator\..*"
    r"|instance-type-specification\..*|iam-instance-profile\..*|capacity-reservation-specification\..*target\..*"
    r"|metadata-options\.http-protocol-ipv4|http-protocol-ipv4|network-info\.efa-info\..*|message"
    r"|ebs-info\..*|instance-storage-info\..*|requester-id"
)
"""Filters by what no response here shows."""
SPECIAL = re.compile(r"tag:<key>|tag-key")
NOTHING = "no-value-of-any-filter"


def documented(action: str) -> list[str]:
    member = MODEL.operation_model(action).input_shape.members["Filters"]
    return re.findall(r"<li> ?<p> ?<code>([a-z0-9.:<>-]+)</code> ?[-\u2013](?! CVSS)", member.documentation)


def member_path(shape: Shape, name: str) -> str | None:
    """The path of members that a filter's name spells, such as NetworkInfo.EnaSupport."""
    if isinstance(shape, ListShape):
        rest = member_path(shape.member, name)
        return None if rest is None else f"[].{rest}"
    if not isinstance(shape, StructureShape):
        return None
    first, _, rest_of_name = name.partition(".")
    spelled = first.replace("-", "")
    for member, inner in shape.members.items():
        if member.lower() in (spelled, f"{spelled}s", f"{spelled}es"):
            rest = member_path(inner, rest_of_name) if rest_of_name else ""
            if rest is not None:
                return member if not rest else f"{member}.{rest}".replace(".[]", "[]")
    return None


def path_of(action: str, name: str) -> str | None:
    shape: Any = MODEL.operation_model(action).output_shape
    for part in ITEMS[action].split("."):
        shape = shape.members[part.removesuffix("[]")].member
    if action == "DescribeInstances" and name not in ("owner-id", "reservation-id", "requester-id"):
        shape = shape.members["Instances"].member
        found = IRREGULAR[action].get(name) or member_path(shape, name)
        return None if found is None else f"Instances[].{found}"
    return IRREGULAR.get(action, {}).get(name) or member_path(shape, name)


@dataclass(frozen=True)
class World:
    ec2: Ec2
    params: Mapping[str, Mapping[str, Any]]

    async def items(self, action: str, *filters: tuple[str, str]) -> list[Any]:
        call = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        given = {"Filters": [{"Name": name, "Values": [value]} for name, value in filters]} if filters else {}
        answer = await getattr(self.ec2, call)(**self.params.get(action, {}), **given)
        return list(jmespath.search(ITEMS[action], answer))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as cloud:
        ec2 = Ec2(cloud)
        first = await launch(ec2, TagSpecifications=tagged("instance", role="leaf"), ClientToken="one")
        second = await launch(ec2, 1, Placement={"AvailabilityZone": "us-east-1b"})
        await ec2.wait("instance_running", first + second)
        await ec2.stop_instances(InstanceIds=second)
        await ec2.wait("instance_stopped", second)
        for name in ("mine", "other"):
            await ec2.create_key_pair(KeyName=name, KeyType="ed25519", TagSpecifications=tagged("key-pair", role=name))
        for name, options in (("a", {"HttpTokens": "optional", "HttpEndpoint": "enabled"}), ("b", None)):
            data: dict[str, Any] = {"ImageId": IMAGE, "InstanceType": "t3.nano"}
            if options:
                data |= {"MetadataOptions": options, "EbsOptimized": False}
            await ec2.create_launch_template(LaunchTemplateName=name * 3, LaunchTemplateData=data)
        for target in (0, 1):
            configs = [{"LaunchTemplateSpecification": {"LaunchTemplateName": "aaa", "Version": "$Default"}}]
            fleet = await ec2.create_fleet(
                LaunchTemplateConfigs=configs,
                TargetCapacitySpecification={"TotalTargetCapacity": target, "DefaultTargetCapacityType": "on-demand"},
            )
        params = {
            "DescribeFleetInstances": {"FleetId": fleet["FleetId"]},
            "DescribeInstanceStatus": {"IncludeAllInstances": True},
            "DescribeLaunchTemplateVersions": {"Versions": ["$Latest"]},
        }
        here = World(ec2, params)
        async with asyncio.timeout(5):
            while not await here.items("DescribeFleetInstances"):
                await asyncio.sleep(0.02)
        await ec2.wait("instance_running", [i["InstanceId"] for i in await here.items("DescribeFleetInstances")])
        yield here
        ec2.client.close()


async def test_fleet_states_match_in_both_spellings(world: World) -> None:
    """EC2 uses _ in responses and documents - for filters."""
    fleet = (await world.items("DescribeFleets", ("activity-status", "fulfilled")))[-1]
    await world.ec2.delete_fleets(FleetIds=[fleet["FleetId"]], TerminateInstances=False)
    for value in ("deleted-running", "deleted_running"):
        found = await world.items("DescribeFleets", ("fleet-state", value))
        assert [(each["FleetId"], each["FleetState"]) for each in found] == [(fleet["FleetId"], "deleted_running")]


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{value:g}" if isinstance(value, float) else str(value)


def values(path: str, item: Any) -> set[str]:
    found = jmespath.search(path, item)
    return {as_text(one) for one in (found if isinstance(found, list) else [found]) if one not in (None, "")}


def test_all_actions_with_filters_are_listed() -> None:
    assert {name for name, action in ACTIONS.items() if "Filters" in action.supported} == set(ITEMS)
    assert all(documented(action) for action in ITEMS)


@pytest.mark.parametrize("action", ITEMS)
def test_documented_filters_have_response_paths(action: str) -> None:
    unplaced = [
        name
        for name in documented(action)
        if path_of(action, name) is None and not WITHOUT_MEMBER.fullmatch(name) and not SPECIAL.fullmatch(name)
    ]
    assert not unplaced


@pytest.mark.parametrize("action", ITEMS)
async def test_documented_filters_work_or_are_refused(world: World, action: str) -> None:
    shown = await world.items(action)
    assert shown
    ignored, wrong, missing, works = [], [], [], []
    for name in documented(action):
        if SPECIAL.fullmatch(name):
            continue
        path = path_of(action, name) or "NoSuchMember"
        known = sorted({value for item in shown for value in values(path, item)})
        try:
            if await world.items(action, (name, NOTHING)):
                ignored.append(name)
        except ClientError as refusal:
            error = refusal.response["Error"]
            assert (error["Code"], f"'{name}'" in error["Message"]) == ("InvalidParameterValue", True)
            if known:
                missing.append((name, known))
            continue
        works.append(name)
        for value in known[:4]:
            expected = [item for item in shown if value in values(path, item)]
            given = await world.items(action, (name, re.sub(r"([*?\\\\])", r"\\\1", value)))
            if given != expected:
                wrong.append((name, value))
    assert not ignored
    assert not missing
    assert not wrong
    assert works
