"""The AWS CLI, unmodified, in a process of its own with nothing but the variables that `glasscloud env` prints."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.integration.ec2.ec2_clients import aws
from tests.integration.ec2.ec2_server import IMAGE, Served


async def test_tutorial_commands_work(cloud: Served, tmp_path: Path) -> None:
    data = tmp_path / "user-data"
    data.write_text('{"shard": 0}')
    answer = await aws(
        cloud,
        *("run-instances", "--image-id", IMAGE, "--instance-type", "t3.nano", "--count", "2"),
        *("--user-data", f"file://{data}", "--placement", "AvailabilityZone=us-east-1b"),
        *("--tag-specifications", "ResourceType=instance,Tags=[{Key=Name,Value=web}]"),
    )
    ids = [instance["InstanceId"] for instance in answer["Instances"]]
    async with asyncio.timeout(5):
        while {instance.state.value for instance in cloud.cloud.instances.all()} != {"running"}:
            await asyncio.sleep(0.01)
    assert {instance.user_data for instance in cloud.cloud.instances.all()} == {b'{"shard": 0}'}
    query = "Reservations[].Instances[].[InstanceId,State.Name,Placement.AvailabilityZone,Tags[?Key=='Name']|[0].Value]"
    rows, _ = await asyncio.gather(
        aws(cloud, "describe-instances", "--filters", "Name=tag:Name,Values=web", "--query", query),
        aws(cloud, "wait", "instance-running", "--instance-ids", *ids),
    )
    assert sorted(rows) == sorted([instance_id, "running", "us-east-1b", "web"] for instance_id in ids)
    answer = await aws(cloud, "terminate-instances", "--instance-ids", *ids)
    assert sorted(change["InstanceId"] for change in answer["TerminatingInstances"]) == sorted(ids)


async def test_cli_prints_errors(cloud: Served) -> None:
    missing, foreign, unsigned = await asyncio.gather(
        aws(cloud, "describe-instances", "--instance-ids", "i-00000000000000000", refused=True),
        aws(cloud, "describe-vpcs", refused=True),
        aws(cloud, "describe-instances", refused=True, environ={"AWS_SECRET_ACCESS_KEY": "wrong"}),
    )
    assert "(InvalidInstanceID.NotFound)" in missing
    assert "(UnsupportedOperation)" in foreign
    assert "DescribeVpcs" in foreign
    assert "(SignatureDoesNotMatch)" in unsigned
    assert cloud.access.secret_access_key not in unsigned
