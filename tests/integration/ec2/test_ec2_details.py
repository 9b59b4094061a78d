"""What an instance printed and what it was launched with, asked by boto3 and by the AWS CLI."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from tests.integration.ec2.ec2_clients import Ec2, aws, launch
from tests.integration.ec2.ec2_server import IMAGE, Served, served
from vmhost.drivers.fake import FakeSettings

UNKNOWN = "i-00000000000000000"


async def test_console_output_readable_after_terminate(ec2: Ec2) -> None:
    (one,) = await launch(ec2)
    await ec2.wait("instance_running", [one])
    for latest in ({}, {"Latest": True}, {"Latest": False}):
        answer = await ec2.get_console_output(InstanceId=one, **latest)
        assert (answer["InstanceId"], answer["Output"]) == (one, f"boot 1 of {one}\n")
        assert abs(answer["Timestamp"].timestamp() - time.time()) < 10
    await ec2.stop_instances(InstanceIds=[one])
    await ec2.wait("instance_stopped", [one])
    assert (await ec2.get_console_output(InstanceId=one))["Output"] == f"boot 1 of {one}\n"
    await ec2.terminate_instances(InstanceIds=[one])
    await ec2.wait("instance_terminated", [one])
    assert (await ec2.get_console_output(InstanceId=one))["Output"] == f"boot 1 of {one}\n"
    assert await ec2.refused("get_console_output", InstanceId=UNKNOWN) == "InvalidInstanceID.NotFound"
    assert await ec2.refused("get_console_output", InstanceId="web") == "InvalidInstanceID.Malformed"
    assert await ec2.refused("get_console_output", InstanceId=UNKNOWN, DryRun=True) == "InvalidInstanceID.NotFound"


async def test_console_of_a_pending_instance_is_empty(tmp_path: Path) -> None:
    async with served(tmp_path, settings=FakeSettings(create_s=30)) as cloud:
        ec2 = Ec2(cloud)
        (one,) = await launch(ec2)
        assert (await ec2.get_console_output(InstanceId=one)).get("Output", "") == ""
        ec2.client.close()


async def test_each_attribute_has_its_true_value(ec2: Ec2) -> None:
    (one,) = await launch(ec2, UserData="#!/bin/sh\n", InstanceInitiatedShutdownBehavior="terminate")
    (bare,) = await launch(ec2)
    truth = {
        "userData": ("UserData", base64.b64encode(b"#!/bin/sh\n").decode()),
        "instanceType": ("InstanceType", "t3.nano"),
        "instanceInitiatedShutdownBehavior": ("InstanceInitiatedShutdownBehavior", "terminate"),
        "disableApiTermination": ("DisableApiTermination", False),
        "disableApiStop": ("DisableApiStop", False),
        "ebsOptimized": ("EbsOptimized", False),
    }
    for attribute, (member, value) in truth.items():
        answer = await ec2.describe_instance_attribute(InstanceId=one, Attribute=attribute)
        del answer["ResponseMetadata"]
        assert answer == {"InstanceId": one, member: {"Value": value}}
    assert (await ec2.describe_instance_attribute(InstanceId=bare, Attribute="userData"))["UserData"] == {}
    behaviour = await ec2.describe_instance_attribute(InstanceId=bare, Attribute="instanceInitiatedShutdownBehavior")
    assert behaviour["InstanceInitiatedShutdownBehavior"] == {"Value": "stop"}


async def test_unsupported_attributes_are_refused(ec2: Ec2) -> None:
    (one,) = await launch(ec2)
    attributes = {"kernel": "UnsupportedOperation", "colour": "InvalidParameterValue"}
    for attribute, code in attributes.items():
        assert await ec2.refused("describe_instance_attribute", InstanceId=one, Attribute=attribute) == code
    missing = await ec2.refused("describe_instance_attribute", InstanceId=UNKNOWN, Attribute="userData")
    assert missing == "InvalidInstanceID.NotFound"


async def test_burstable_instances_have_unlimited_credits(ec2: Ec2) -> None:
    burstable = await launch(ec2)
    answer = await ec2.run_instances(ImageId=IMAGE, InstanceType="c5.large", MinCount=1, MaxCount=1)
    other = [answer["Instances"][0]["InstanceId"]]
    for params in ({}, {"InstanceIds": burstable}):
        shown = (await ec2.describe_instance_credit_specifications(**params))["InstanceCreditSpecifications"]
        assert shown == [{"InstanceId": burstable[0], "CpuCredits": "unlimited"}]
    error = await ec2.error("describe_instance_credit_specifications", InstanceIds=other)
    assert error["Message"] == f"instance {other[0]} is a c5.large, which has no CPU credits"


async def test_cli_reads_console_and_attributes(cloud: Served, tmp_path: Path) -> None:
    data = tmp_path / "user-data"
    data.write_text("hello")
    answer = await aws(
        cloud, "run-instances", "--image-id", IMAGE, "--instance-type", "t3.nano", "--user-data", f"file://{data}"
    )
    one = answer["Instances"][0]["InstanceId"]
    await aws(cloud, "wait", "instance-running", "--instance-ids", one)
    printed = await aws(cloud, "get-console-output", "--instance-id", one, "--latest")
    assert printed["Output"] == f"boot 1 of {one}\n"
    told = await aws(cloud, "describe-instance-attribute", "--instance-id", one, "--attribute", "userData")
    assert told["UserData"]["Value"] == base64.b64encode(b"hello").decode()
