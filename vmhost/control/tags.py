"""What a tag may be, and who may write which. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vmhost.base.errors import CloudError, InvalidInput, NotFound

MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256
_RESERVED = "aws:"


_ABSENT = {
    "acl": "InvalidNetworkAclID.NotFound",
    "ami": "InvalidAMIID.NotFound",
    "dopt": "InvalidDhcpOptionID.NotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "fleet": "InvalidFleetId.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "lt": "InvalidLaunchTemplateId.NotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "sir": "InvalidSpotInstanceRequestID.NotFound",
    "snap": "InvalidSnapshot.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "vol": "InvalidVolume.NotFound",
    "vpc": "InvalidVpcID.NotFound",
}
"""EC2's codes for resources that do not exist, by the prefix of their ids. Programs wait and try again on some."""
_ID = re.compile(r"([a-z]+)-[0-9a-z-]{8,36}", re.ASCII)


def absent(resource_id: str) -> CloudError:
    """The error for a resource that cannot be tagged because it does not exist, or because this is no id."""
    match = _ID.fullmatch(resource_id)
    if match is None or match[1] not in _ABSENT:
        return InvalidInput(f"The ID '{resource_id[:60]}' is not valid", code="InvalidID")
    return NotFound(f"The ID '{resource_id}' does not exist", code=_ABSENT[match[1]])


def check(tags: Mapping[str, str]) -> None:
    """Raises InvalidInput for tags that a user may not write: reserved, too long, too many."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"{len(tags)} tags are given; expected at most {MAX_TAGS}", code="TagLimitExceeded")
    for key, value in tags.items():
        if key.lower().startswith(_RESERVED):
            raise InvalidInput(f"tag key {key!r} is reserved; expected one that does not begin with {_RESERVED}")
        if not 1 <= len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            raise InvalidInput(
                f"tag {key[:_MAX_KEY]!r} has {len(key)} and {len(value)} characters; "
                f"expected a key of 1 to {_MAX_KEY} and a value of at most {_MAX_VALUE}"
            )


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The tags after putting new ones. Raises InvalidInput when they become too many (reserved ones don't count)."""
    result = {**old, **new}
    if len(own(result)) > MAX_TAGS:
        raise InvalidInput(
            f"the resource would have {len(own(result))} tags; the limit is {MAX_TAGS}", code="TagLimitExceeded"
        )
    return result


def without(old: Mapping[str, str], removal: Mapping[str, str | None] | None) -> dict[str, str]:
    """The tags after taking some off: by key, and by value where one is given; None takes off all that users wrote."""
    if removal is None:
        return {key: value for key, value in old.items() if key not in own(old)}
    return {key: value for key, value in old.items() if key not in removal or removal[key] not in (None, value)}


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that users wrote."""
    return {key: value for key, value in tags.items() if not key.startswith(_RESERVED)}
