"""What the log of calls says about an EC2 call: the affected instances and the error. Pure; never shows secrets."""

from __future__ import annotations

from collections.abc import Iterator

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.ec2.actions.action import Params, ResponseData
from vmhost.ec2.actions.instances import INSTANCE_ID


def requested_instances(params: Params) -> Iterator[str]:
    """Yield the instance ids in a request."""
    for text in (*params.get("InstanceIds", ()), *params.get("Resources", ())):
        if INSTANCE_ID.fullmatch(text):
            yield text


def launched_instances(response: ResponseData) -> Iterator[str]:
    """Yield the ids of the instances that a response has launched."""
    for instance in response.get("Instances", ()):
        yield instance["InstanceId"]


def partial_failure(response: ResponseData) -> CloudError | None:
    """Return the first error in a response to a call that succeeded otherwise."""
    for item in response.get("UnsuccessfulFleetDeletions", ()):
        return InvalidInput(item["Error"]["Message"], code=item["Error"]["Code"])
    return None
