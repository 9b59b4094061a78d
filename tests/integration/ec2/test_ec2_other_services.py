"""Clients of AWS services that are not here can read the error, whatever protocol they use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.ec2.ec2_clients import aws
from tests.integration.ec2.ec2_server import Served

CALLS: dict[str, Callable[[Any], Any]] = {
    "autoscaling": lambda client: client.describe_auto_scaling_groups(),
    "cloudformation": lambda client: client.list_stacks(),
    "cloudfront": lambda client: client.list_distributions(),
    "cloudwatch": lambda client: client.list_metrics(),
    "dynamodb": lambda client: client.list_tables(),
    "ecs": lambda client: client.list_clusters(),
    "eks": lambda client: client.list_clusters(),
    "elb": lambda client: client.describe_load_balancers(),
    "elbv2": lambda client: client.describe_load_balancers(),
    "iam": lambda client: client.list_users(),
    "kms": lambda client: client.list_keys(),
    "lambda": lambda client: client.list_functions(),
    "logs": lambda client: client.describe_log_groups(),
    "rds": lambda client: client.describe_db_instances(),
    "route53": lambda client: client.list_hosted_zones(),
    "s3": lambda client: client.put_object(Bucket="mine", Key="a/b", Body=b"x" * 100_000),
    "sns": lambda client: client.list_topics(),
    "sqs": lambda client: client.list_queues(),
    "ssm": lambda client: client.describe_parameters(),
}
"""A call of each protocol that botocore has: query, rest-xml, json, rest-json, CBOR."""


def refused(cloud: Served, service: str) -> ClientError:
    access = cloud.access
    client = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=access.endpoint,
        region_name=access.region,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        with pytest.raises(ClientError) as caught:
            CALLS[service](client)
    finally:
        client.close()
    return caught.value


@pytest.mark.parametrize("service", CALLS)
async def test_every_protocol_reads_the_error(cloud: Served, service: str) -> None:
    error = (await asyncio.to_thread(refused, cloud, service)).response["Error"]
    assert error["Code"] == "UnsupportedOperation"
    assert "is not provided here: glasscloud provides EC2 only" in error["Message"]


async def test_cli_of_missing_services_prints_the_error(cloud: Served) -> None:
    buckets, users = await asyncio.gather(
        aws(cloud, "ls", service="s3", refused=True),
        aws(cloud, "list-users", service="iam", refused=True),
    )
    for printed, service in ((buckets, "s3"), (users, "iam")):
        assert "(UnsupportedOperation) when calling" in printed
        assert f"the AWS service '{service}' is not provided here: glasscloud provides EC2 only" in printed


async def test_caller_identity_is_the_accounts_root(cloud: Served) -> None:
    assert await aws(cloud, "get-caller-identity", service="sts") == {
        "UserId": "000000000000",
        "Account": "000000000000",
        "Arn": "arn:aws:iam::000000000000:root",
    }


async def test_other_sts_actions_are_refused_by_name(cloud: Served) -> None:
    printed = await aws(cloud, "get-session-token", service="sts", refused=True)
    assert "(UnsupportedOperation) when calling the GetSessionToken operation" in printed
    assert "of STS there is GetCallerIdentity only" in printed


async def test_identity_needs_a_valid_signature(cloud: Served) -> None:
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "SignatureDoesNotMatch" in await aws(
        cloud, "get-caller-identity", service="sts", refused=True, environ=wrong
    )
