"""What of a call is told to everyone: whom it concerns and what it refused, by names only. Pure; nothing secret."""

from __future__ import annotations

from collections.abc import Iterator

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.ec2.actions.base import Answer, Params
from vmhost.ec2.actions.instances import INSTANCE_ID


def named(params: Params) -> Iterator[str]:
    """The instances that a request names."""
    for text in (*params.get("InstanceIds", ()), *params.get("Resources", ())):
        if INSTANCE_ID.fullmatch(text):
            yield text


def made(answer: Answer) -> Iterator[str]:
    """The instances that an answer brings into being."""
    for instance in answer.get("Instances", ()):
        yield instance["InstanceId"]


def refused(answer: Answer) -> CloudError | None:
    """The first refusal in an answer that carried out the rest."""
    for item in answer.get("UnsuccessfulFleetDeletions", ()):
        return InvalidInput(item["Error"]["Message"], code=item["Error"]["Code"])
    return None
