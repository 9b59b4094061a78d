"""Each supported parameter is read by its action: the parameters come from botocore's model, so none is forgotten."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ec2.ec2_clients import Ec2, launch
from tests.integration.ec2.ec2_server import IMAGE, Served, served
from vmhost.ec2.actions.action import Context
from vmhost.ec2.ec2_service import ACTIONS
from vmhost.ec2.service_model import ListOf, Scalar, Shape, load

FILTER = {"Name": "tag-key", "Values": ["role"]}
TAGS = [{"Key": "role", "Value": "leaf"}]
CAPACITY = {"TotalTargetCapacity": 0}
BY_NAME = {"LaunchTemplateName": "leaf", "Version": "1"}


class Recorded(dict[str, Any]):
    """Decoded parameters that note the path of each value that is read."""

    def __init__(self, values: dict[str, Any], seen: set[str], parent: str = "") -> None:
        super().__init__(values)
        self._seen = seen
        self._parent = parent

    def _read(self, name: str, value: Any) -> Any:
        path = f"{self._parent}{name}"
        self._seen.add(path)
        if isinstance(value, dict):
            return Recorded(value, self._seen, f"{path}.")
        if isinstance(value, list):
            return [self._read(name, item) for item in value]
        return value

    def __getitem__(self, name: str) -> Any:
        return self._read(name, super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        return self._read(name, super().__getitem__(name)) if name in self else default


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def ec2(cloud: Served) -> AsyncIterator[Ec2]:
    client = Ec2(cloud)
    yield client
    client.client.close()


def samples(instance: str, template: str, fleet: str, host: str, token: str) -> dict[str, list[dict[str, Any]]]:
    """Return valid requests that together have every supported parameter of each action."""
    page = {"MaxResults": 5, "NextToken": token}
    some = {"Filters": [FILTER], **page}
    ids = {"InstanceIds": [instance]}

    def filtered(name: str) -> dict[str, Any]:
        return {"Filters": [{"Name": name, "Values": ["x"]}], **page}

    by_id, by_name = {"LaunchTemplateId": template}, {"LaunchTemplateName": "leaf"}
    overrides = [{"InstanceType": "t3.nano", "AvailabilityZone": "us-east-1a"}]
    excess = {"ExcessCapacityTerminationPolicy": "termination"}
    create_fleet = {
        "ClientToken": "one",
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": BY_NAME, "Overrides": overrides}],
        "ReplaceUnhealthyInstances": True,
        "TagSpecifications": [{"ResourceType": "fleet", "Tags": TAGS}],
        "TargetCapacitySpecification": CAPACITY,
        "Type": "maintain",
        **excess,
    }
    run = {
        "ClientToken": "two",
        "ImageId": IMAGE,
        "InstanceInitiatedShutdownBehavior": "stop",
        "InstanceType": "t3.nano",
        "LaunchTemplate": BY_NAME,
        "MaxCount": 1,
        "MinCount": 1,
        "Placement": {"AvailabilityZone": "us-east-1a", "HostId": host},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}],
        "UserData": base64.b64encode(b"x").decode(),
    }
    data = {name: run[name] for name in ("ImageId", "InstanceType", "TagSpecifications", "UserData")}
    return {
        "RunInstances": [run, {**run, "LaunchTemplate": {**by_id, "Version": "1"}}],
        "DescribeInstances": [ids, some],
        "StartInstances": [ids],
        "StopInstances": [{**ids, "Force": True}],
        "RebootInstances": [ids],
        "TerminateInstances": [ids],
        "DescribeInstanceStatus": [{**ids, "IncludeAllInstances": True}, filtered("instance-state-name")],
        "DescribeInstanceCreditSpecifications": [ids, filtered("instance-id")],
        "GetConsoleOutput": [{"InstanceId": instance}],
        "DescribeInstanceAttribute": [{"InstanceId": instance, "Attribute": "userData"}],
        "DescribeInstanceTypes": [{"InstanceTypes": ["t3.nano"], **filtered("instance-type")}],
        "DescribeImages": [{"ImageIds": [IMAGE], "Owners": ["self"], "ExecutableUsers": ["all"], **filtered("name")}],
        "CreateTags": [{"Resources": [instance], "Tags": TAGS}],
        "DeleteTags": [{"Resources": [instance], "Tags": TAGS}],
        "DescribeTags": [filtered("key")],
        "DescribeRegions": [{"RegionNames": ["us-east-1"], "Filters": filtered("region-name")["Filters"]}],
        "DescribeAvailabilityZones": [
            {"ZoneNames": ["us-east-1a"], "ZoneIds": ["use1-az1"], "Filters": filtered("zone-name")["Filters"]}
        ],
        "CreateLaunchTemplate": [
            {
                "ClientToken": "three",
                "LaunchTemplateName": "other",
                "LaunchTemplateData": data,
                "TagSpecifications": [{"ResourceType": "launch-template", "Tags": TAGS}],
                "VersionDescription": "x",
            }
        ],
        "DescribeLaunchTemplates": [{"LaunchTemplateIds": [template], "LaunchTemplateNames": ["leaf"], **some}],
        "DescribeLaunchTemplateVersions": [
            {**by_name, "Versions": ["1"], "MinVersion": "1", "MaxVersion": "1", **filtered("image-id")},
            by_id,
        ],
        "DeleteLaunchTemplate": [by_id, by_name],
        "CreateFleet": [
            create_fleet,
            {**create_fleet, "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {**by_id, "Version": "1"}}]},
        ],
        "DescribeFleets": [{"FleetIds": [fleet], **filtered("type")}],
        "DescribeFleetInstances": [{"FleetId": fleet, **filtered("instance-type")}],
        "ModifyFleet": [{"FleetId": fleet, "TargetCapacitySpecification": CAPACITY, **excess}],
        "DeleteFleets": [{"FleetIds": [fleet], "TerminateInstances": True}],
    }


def paths(shape: Shape, path: str = "") -> Iterator[str]:
    """Yield the paths of all scalars in the shape."""
    if isinstance(shape, Scalar):
        yield path
    elif isinstance(shape, ListOf):
        yield from paths(shape.element, path)
    else:
        for member in shape.members:
            yield from paths(member.shape, f"{path}.{member.name}" if path else member.name)


async def test_every_supported_parameter_is_read(cloud: Served, ec2: Ec2) -> None:
    (instance,) = await launch(ec2)
    await launch(ec2, 5)
    token = (await ec2.describe_instances(MaxResults=5))["NextToken"]
    created = await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData={"ImageId": IMAGE})
    template = created["LaunchTemplate"]["LaunchTemplateId"]
    config = {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"}}
    fleet = (await ec2.create_fleet(LaunchTemplateConfigs=[config], TargetCapacitySpecification=CAPACITY))["FleetId"]
    host = next(view.id for view in cloud.cloud.hosts.hosts() if view.zone == "us-east-1a")
    requests = samples(instance, template, fleet, host, token)
    context = Context(cloud=cloud.cloud, endpoint="localhost", client="test")
    model = load(ACTIONS.keys())
    assert requests.keys() == ACTIONS.keys()
    for name, action in ACTIONS.items():
        seen: set[str] = set()
        for request in requests[name]:
            action.check(context, Recorded(request, seen))
        supported = {
            path
            for path in paths(model.operations[name].input)
            if any(path == each or path.startswith(f"{each}.") for each in action.supported)
        }
        assert supported <= seen, (name, supported - seen)
