"""Each supported parameter is read by its action: the parameters come from botocore's model, so none is forgotten."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tests.integration.ec2.ec2_clients import Ec2, launch
from tests.integration.ec2.ec2_server import IMAGE, Served
from vmhost.ec2.actions.action import Context
from vmhost.ec2.ec2_service import ACTIONS
from vmhost.ec2.service_model import ListOf, Scalar, Shape, load

TAGS = [{"Key": "role", "Value": "leaf"}]
CAPACITY = {"TotalTargetCapacity": 0}
PAGE = {"MaxResults": 5, "NextToken": "{token}"}
TAGGED = {"Filters": [{"Name": "tag-key", "Values": ["role"]}], **PAGE}
IDS = {"InstanceIds": ["{instance}"]}
BY_ID, BY_NAME = {"LaunchTemplateId": "{template}"}, {"LaunchTemplateName": "leaf"}
OVERRIDES = [{"InstanceType": "t3.nano", "AvailabilityZone": "us-east-1a"}]
EXCESS = {"ExcessCapacityTerminationPolicy": "termination"}
FLEET = {
    "ClientToken": "one",
    "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {**BY_NAME, "Version": "1"}, "Overrides": OVERRIDES}],
    "ReplaceUnhealthyInstances": True,
    "TagSpecifications": [{"ResourceType": "fleet", "Tags": TAGS}],
    "TargetCapacitySpecification": CAPACITY,
    "Type": "maintain",
    **EXCESS,
}
DATA = {
    "ImageId": IMAGE,
    "InstanceType": "t3.nano",
    "KeyName": "mine",
    "TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}],
    "UserData": base64.b64encode(b"x").decode(),
}
RUN = {
    **DATA,
    "ClientToken": "two",
    "DisableApiStop": True,
    "DisableApiTermination": True,
    "InstanceInitiatedShutdownBehavior": "stop",
    "LaunchTemplate": {**BY_NAME, "Version": "1"},
    "MaxCount": 1,
    "MinCount": 1,
    "Placement": {"AvailabilityZone": "us-east-1a", "HostId": "{host}"},
}
ATTRIBUTES = {
    "DisableApiStop": True,
    "DisableApiTermination": True,
    "InstanceInitiatedShutdownBehavior": "stop",
    "InstanceType": "t3.nano",
    "UserData": b"x",
}
KEY_TAGS = [{"ResourceType": "key-pair", "Tags": TAGS}]
PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAomV3df2wX0SMNZKoKZcwuaU4h0WEBC0J8d2K4Qw0T/"
TEMPLATE = {
    "ClientToken": "three",
    "LaunchTemplateName": "other",
    "LaunchTemplateData": DATA,
    "TagSpecifications": [{"ResourceType": "launch-template", "Tags": TAGS}],
    "VersionDescription": "x",
}


def filtered(name: str) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": ["x"]}], **PAGE}


SAMPLES: dict[str, list[dict[str, Any]]] = {
    "RunInstances": [RUN, {**RUN, "LaunchTemplate": {**BY_ID, "Version": "1"}}],
    "DescribeInstances": [IDS, TAGGED],
    "StartInstances": [IDS],
    "StopInstances": [{**IDS, "Force": True}],
    "RebootInstances": [IDS],
    "TerminateInstances": [IDS],
    "DescribeInstanceStatus": [{**IDS, "IncludeAllInstances": True}, filtered("instance-state-name")],
    "DescribeInstanceCreditSpecifications": [IDS, filtered("instance-id")],
    "GetConsoleOutput": [{"InstanceId": "{instance}"}],
    "ModifyInstanceAttribute": [
        {"InstanceId": "{instance}", "Attribute": "userData", "Value": base64.b64encode(b"x").decode()},
        *({"InstanceId": "{instance}", name: {"Value": value}} for name, value in ATTRIBUTES.items()),
    ],
    "DescribeInstanceAttribute": [{"InstanceId": "{instance}", "Attribute": "userData"}],
    "DescribeInstanceTypes": [{"InstanceTypes": ["t3.nano"], **filtered("instance-type")}],
    "DescribeImages": [{"ImageIds": [IMAGE], "Owners": ["self"], "ExecutableUsers": ["all"], **filtered("name")}],
    "CreateTags": [{"Resources": ["{instance}"], "Tags": TAGS}],
    "DeleteTags": [{"Resources": ["{instance}"], "Tags": TAGS}],
    "DescribeTags": [filtered("key")],
    "CreateKeyPair": [{"KeyName": "new", "KeyType": "rsa", "TagSpecifications": KEY_TAGS}],
    "ImportKeyPair": [{"KeyName": "new", "PublicKeyMaterial": PUBLIC_KEY, "TagSpecifications": KEY_TAGS}],
    "DescribeKeyPairs": [
        {"KeyNames": ["mine"], "KeyPairIds": ["{key}"], "IncludePublicKey": True, "Filters": TAGGED["Filters"]},
    ],
    "DeleteKeyPair": [{"KeyName": "mine"}, {"KeyPairId": "{key}"}],
    "DescribeRegions": [{"RegionNames": ["us-east-1"], "Filters": filtered("region-name")["Filters"]}],
    "DescribeAvailabilityZones": [
        {"ZoneNames": ["us-east-1a"], "ZoneIds": ["use1-az1"], "Filters": filtered("zone-name")["Filters"]}
    ],
    "CreateLaunchTemplate": [TEMPLATE],
    "DescribeLaunchTemplates": [{"LaunchTemplateIds": ["{template}"], "LaunchTemplateNames": ["leaf"], **TAGGED}],
    "DescribeLaunchTemplateVersions": [
        {**BY_NAME, "Versions": ["1"], "MinVersion": "1", "MaxVersion": "1", **filtered("image-id")},
        BY_ID,
    ],
    "DeleteLaunchTemplate": [BY_ID, BY_NAME],
    "CreateFleet": [
        FLEET,
        {**FLEET, "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {**BY_ID, "Version": "1"}}]},
    ],
    "DescribeFleets": [{"FleetIds": ["{fleet}"], **filtered("type")}],
    "DescribeFleetInstances": [{"FleetId": "{fleet}", **filtered("instance-type")}],
    "ModifyFleet": [{"FleetId": "{fleet}", "TargetCapacitySpecification": CAPACITY, **EXCESS}],
    "DeleteFleets": [{"FleetIds": ["{fleet}"], "TerminateInstances": True}],
}
"""Valid requests that together have every supported parameter of each action; words in braces are replaced."""


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


def replaced(value: Any, words: dict[str, str]) -> Any:
    """Return the sample with the words in braces replaced."""
    if isinstance(value, dict):
        return {name: replaced(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, words) for each in value]
    return value.format_map(words) if isinstance(value, str) else value


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
    key = (await ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=PUBLIC_KEY))["KeyPairId"]
    words = {"key": key, "instance": instance, "template": template, "fleet": fleet, "host": host, "token": token}
    context = Context(cloud=cloud.cloud, endpoint="localhost", client="test")
    model = load(ACTIONS.keys())
    assert SAMPLES.keys() == ACTIONS.keys()
    for name, action in ACTIONS.items():
        seen: set[str] = set()
        for sample in SAMPLES[name]:
            action.check(context, Recorded(replaced(sample, words), seen))
        supported = {
            path
            for path in paths(model.operations[name].input)
            if any(path == each or path.startswith(f"{each}.") for each in action.supported)
        }
        assert supported <= seen, (name, supported - seen)
