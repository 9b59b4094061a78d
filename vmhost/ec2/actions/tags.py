"""Tags on instances, launch templates and fleets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count, tag_map
from vmhost.ec2.actions.describe import Field, describe

_MAX_RESOURCES = 1000


def _resources(params: Params) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(params["Resources"]))
    if not ids:
        raise InvalidInput("the request must contain the parameter ResourceId", code="MissingParameter")
    check_count(_MAX_RESOURCES, "resource ids", ids)
    return ids


def _check_create(_: Context, params: Params) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the resources, and the tags to add to them."""
    tags = tag_map(params["Tags"])
    if not tags:
        raise InvalidInput("the request must contain the parameter Tag", code="MissingParameter")
    return _resources(params), tags


def _create(context: Context, change: tuple[tuple[str, ...], dict[str, str]]) -> ResponseData:
    context.cloud.tags.add(*change)
    return {}


def _check_delete(_: Context, params: Params) -> tuple[tuple[str, ...], dict[str, str | None] | None]:
    """Return the resources, and by key the value that a tag must have to be removed, None for any.

    Without a mapping, all tags are removed except those of AWS."""
    tags = params.get("Tags")
    return _resources(params), {tag.get("Key", ""): tag.get("Value") for tag in tags} if tags else None


def _delete(context: Context, removal: tuple[tuple[str, ...], dict[str, str | None] | None]) -> ResponseData:
    context.cloud.tags.remove(*removal)
    return {}


_FIELDS: Mapping[str, Field] = {
    "key": "Key",
    "resource-id": "ResourceId",
    "resource-type": "ResourceType",
    "value": "Value",
}


def _tags(context: Context, _: Params) -> Iterator[ResponseData]:
    for kind, resource_id, tags in context.cloud.tags.all():
        for key, value in tags.items():
            yield {"Key": key, "ResourceId": resource_id, "ResourceType": kind, "Value": value}


ACTIONS = (
    Action(
        name="CreateTags",
        supported=frozenset({"Resources", "Tags"}),
        check=_check_create,
        dry_run=lambda context, change: context.cloud.tags.check_add(*change),
        act=_create,
    ),
    Action(
        name="DeleteTags",
        supported=frozenset({"Resources", "Tags"}),
        check=_check_delete,
        dry_run=lambda context, removal: context.cloud.tags.check_remove(*removal),
        act=_delete,
    ),
    describe(
        "DescribeTags",
        items=_tags,
        response="Tags",
        key=lambda tag: f"{tag['ResourceId']} {tag['Key']}",
        fields=_FIELDS,
        tags=lambda tag: {tag["Key"]: tag["Value"]},
        pages=(5, 1000),
    ),
)
