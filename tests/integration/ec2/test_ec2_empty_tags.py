"""Tags with empty values, which EC2 allows: they are kept, found and deleted like others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.ec2.ec2_clients import Ec2, launch
from tests.integration.ec2.ec2_server import Served
from vmhost.api.client import CloudClient

EMPTY = {"Key": "flag", "Value": ""}


@pytest.fixture
def ec2(cloud: Served) -> Ec2:
    return Ec2(cloud)


async def tags_of(ec2: Ec2, instance_id: str) -> dict[str, str]:
    found: dict[str, Any] = await ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance_id]}])
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


async def test_empty_value_is_kept_and_found(ec2: Ec2, cloud: Served) -> None:
    (one,) = await launch(ec2, TagSpecifications=[{"ResourceType": "instance", "Tags": [EMPTY]}])
    (other,) = await launch(ec2)
    await ec2.create_tags(Resources=[other], Tags=[{"Key": "flag", "Value": "on"}, {"Key": "bare"}])
    assert await tags_of(ec2, one) == {"flag": ""}
    assert await tags_of(ec2, other) == {"flag": "on", "bare": ""}
    found = await ec2.describe_instances(Filters=[{"Name": "tag:flag", "Values": [""]}])
    assert [each["InstanceId"] for group in found["Reservations"] for each in group["Instances"]] == [one]
    async with CloudClient(cloud.access) as client:
        (view,) = await client.describe_instances({"tag:flag": [""]})
        (made,) = await client.run_instances(image_id=view.image, type_name=view.type, tags={"flag": ""})
        by_id = {each.id: each.tags for each in (await client.status()).instances}
    assert (view.id, view.tags, made.tags, by_id[one]) == (one, {"flag": ""}, {"flag": ""}, {"flag": ""})


async def test_delete_with_empty_value_spares_other_values(ec2: Ec2) -> None:
    one, other = await launch(ec2, 2)
    await ec2.create_tags(Resources=[one], Tags=[EMPTY])
    await ec2.create_tags(Resources=[other], Tags=[{"Key": "flag", "Value": "on"}])
    await ec2.delete_tags(Resources=[one, other], Tags=[EMPTY])
    assert (await tags_of(ec2, one), await tags_of(ec2, other)) == ({}, {"flag": "on"})
    await ec2.create_tags(Resources=[one, other], Tags=[EMPTY])
    await ec2.delete_tags(Resources=[one, other], Tags=[{"Key": "flag"}])
    assert (await tags_of(ec2, one), await tags_of(ec2, other)) == ({}, {})
