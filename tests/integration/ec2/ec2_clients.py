"""Unmodified EC2 clients: boto3 in this process, the AWS CLI in a process of its own."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.ec2.ec2_server import IMAGE, Served

AWS = Path(sys.executable).with_name("aws")


class Ec2:
    """A boto3 client whose calls run in threads beside the event loop that serves them."""

    def __init__(self, cloud: Served) -> None:
        access = cloud.access
        self.client = boto3.client(
            "ec2",
            endpoint_url=access.endpoint,
            region_name=access.region,
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return functools.partial(asyncio.to_thread, getattr(self.client, name))

    async def wait(self, name: str, ids: list[str]) -> None:
        waiter = self.client.get_waiter(name)
        waiter.config.delay = 0.02
        await asyncio.to_thread(waiter.wait, InstanceIds=ids)

    async def error(self, name: str, **params: Any) -> dict[str, str]:
        """Return Code and Message of the call's error."""
        with pytest.raises(ClientError) as caught:
            await getattr(self, name)(**params)
        assert caught.value.response["ResponseMetadata"]["RequestId"]
        return dict(caught.value.response["Error"])

    async def refused(self, name: str, **params: Any) -> str:
        return (await self.error(name, **params))["Code"]


async def launch(ec2: Ec2, count: int = 1, **params: Any) -> list[str]:
    answer = await ec2.run_instances(ImageId=IMAGE, InstanceType="t3.nano", MinCount=count, MaxCount=count, **params)
    return [instance["InstanceId"] for instance in answer["Instances"]]


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


async def aws(
    cloud: Served, *words: str, refused: bool = False, environ: dict[str, str] | None = None, service: str = "ec2"
) -> Any:
    """Run `aws ec2 …`, or another service's command; return its JSON, or its error text if `refused`."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(AWS),
        service,
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
