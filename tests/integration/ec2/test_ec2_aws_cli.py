"""The AWS CLI, unmodified, in a process of its own with nothing but the variables that `glasscloud env` prints."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ec2.served import IMAGE, Served, served

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


async def aws(cloud: Served, *words: str, refused: bool = False, environ: dict[str, str] | None = None) -> Any:
    """What `aws ec2 …` printed: JSON where it succeeds, the error's text where it is refused."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(AWS),
        "ec2",
        *words,
        "--output",
        "json",
        env=clean | cloud.access.environment() | (environ or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert bool(process.returncode) is refused, err.decode()
    if refused:
        return err.decode()
    return json.loads(out) if out.strip() else None


async def test_the_first_page_of_every_ec2_tutorial(cloud: Served, tmp_path: Path) -> None:
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
        while {instance.state.value for instance in cloud.cloud.instances()} != {"running"}:
            await asyncio.sleep(0.01)
    assert {instance.user_data for instance in cloud.cloud.instances()} == {b'{"shard": 0}'}
    query = "Reservations[].Instances[].[InstanceId,State.Name,Placement.AvailabilityZone,Tags[?Key=='Name']|[0].Value]"
    rows, _ = await asyncio.gather(
        aws(cloud, "describe-instances", "--filters", "Name=tag:Name,Values=web", "--query", query),
        aws(cloud, "wait", "instance-running", "--instance-ids", *ids),
    )
    assert sorted(rows) == sorted([instance_id, "running", "us-east-1b", "web"] for instance_id in ids)
    answer = await aws(cloud, "terminate-instances", "--instance-ids", *ids)
    assert sorted(change["InstanceId"] for change in answer["TerminatingInstances"]) == sorted(ids)


async def test_refusals_are_said_in_the_cli_s_own_words(cloud: Served) -> None:
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
