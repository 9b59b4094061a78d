"""Tags: the rules for keys and values, and the requests that add and remove them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from vmhost.base.errors import CloudError, InvalidInput, NotFound, Unsupported
from vmhost.control.resources import Resources

MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256
_RESERVED = "aws:"
_NOT_FOUND = {
    "acl": "InvalidNetworkAclID.NotFound",
    "ami": "InvalidAMIID.NotFound",
    "dopt": "InvalidDhcpOptionID.NotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "fleet": "InvalidFleetId.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "key": "InvalidKeyPair.NotFound",
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
"""EC2's codes for resources that do not exist, by the prefix of their ids. On some of them, programs wait and retry."""
_ID = re.compile(r"([a-z]+)-[0-9a-z-]{8,36}", re.ASCII)


def not_found(resource_id: str) -> CloudError:
    """Return the error for an id of a resource that does not exist, or for something that is not an id."""
    match = _ID.fullmatch(resource_id)
    if match is None or match[1] not in _NOT_FOUND:
        return InvalidInput(f"The ID '{resource_id[:60]}' is not valid", code="InvalidID")
    return NotFound(f"The ID '{resource_id}' does not exist", code=_NOT_FOUND[match[1]])


def check(tags: Mapping[str, str]) -> None:
    """Raise InvalidInput for tags that users may not write: reserved, too long, too many."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"{len(tags)} tags are given; the limit is {MAX_TAGS}", code="TagLimitExceeded")
    for key, value in tags.items():
        if key.lower().startswith(_RESERVED):
            raise InvalidInput(f"tag key {key!r} is reserved; keys must not begin with {_RESERVED}")
        if not 1 <= len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            raise InvalidInput(
                f"tag {key[:_MAX_KEY]!r} has a key of {len(key)} and a value of {len(value)} characters; "
                f"a key has 1 to {_MAX_KEY}, a value at most {_MAX_VALUE}"
            )


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the tags after adding new ones. Raises InvalidInput for too many (reserved ones do not count)."""
    result = {**old, **new}
    if len(own(result)) > MAX_TAGS:
        raise InvalidInput(
            f"the resource would have {len(own(result))} tags; the limit is {MAX_TAGS}", code="TagLimitExceeded"
        )
    return result


def without(old: Mapping[str, str], removal: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return the tags after removing some: by key, and by value if one is given; None removes all but reserved ones."""
    if removal is None:
        return {key: value for key, value in old.items() if key not in own(old)}
    return {key: value for key, value in old.items() if key not in removal or removal[key] not in (None, value)}


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that users wrote."""
    return {key: value for key, value in tags.items() if not key.startswith(_RESERVED)}


class TagService:
    """The tags of all resources of one cloud. Each request changes all of its resources or none."""

    def __init__(self, resources: Resources, images: Collection[str]) -> None:
        """`images`: ids of the catalogue's images, which cannot be tagged."""
        self._resources = resources
        self._images = images

    def all(self) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """Yield the kind, the id and the tags of every resource."""
        for table in self._resources.taggable():
            for record in table:
                yield table.kind.name, record.id, record.tags

    def add(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Add tags to resources. Raises NotFound, InvalidInput or Unsupported."""
        self._commit(self.check_add(ids, tags))

    def remove(self, ids: Sequence[str], tags: Mapping[str, str | None] | None) -> None:
        """Remove tags: by key, with a value only where it matches; None removes every tag that users wrote."""
        self._commit(self.check_remove(ids, tags))

    def check_add(self, ids: Sequence[str], tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Return the tags of each resource as `add` would leave them. Raises what it would raise."""
        check(tags)
        return {each: merged(self._tags_of(each), tags) for each in ids}

    def check_remove(self, ids: Sequence[str], tags: Mapping[str, str | None] | None) -> dict[str, dict[str, str]]:
        """Return the tags of each resource as `remove` would leave them. Raises what it would raise."""
        if tags is not None:
            check({key: value or "" for key, value in tags.items()})
        return {each: without(self._tags_of(each), tags) for each in ids}

    def _tags_of(self, resource_id: str) -> Mapping[str, str]:
        if resource_id in self._images:
            raise Unsupported(f"image {resource_id} comes from the catalogue; tags on images are not supported here")
        for table in self._resources.taggable():
            if (record := table.find(resource_id)) is not None:
                found: Mapping[str, str] = record.tags
                return found
        raise not_found(resource_id)

    def _commit(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        tables = self._resources.taggable()
        self._resources.commit(
            table.changed(each, tags=tags[each]) for table in tables for each in tags if each in table
        )
