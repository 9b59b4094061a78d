"""Tags on instances, launch templates and fleets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count, tag_map
from vmhost.ec2.filters import Field, Keep, parse_filters
from vmhost.ec2.pagination import PageRequest, paginate, parse_page

_MAX_RESOURCES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """Which tags to add to which resources."""

    ids: tuple[str, ...]
    tags: Mapping[str, str]


def _check_create(_: Context, params: Params) -> TagChange:
    tags = tag_map(params["Tags"])
    if not tags:
        raise InvalidInput("the request must contain the parameter Tag", code="MissingParameter")
    return TagChange(ids=_resources(params), tags=tags)


def _resources(params: Params) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(params["Resources"]))
    if not ids:
        raise InvalidInput("the request must contain the parameter ResourceId", code="MissingParameter")
    check_count(_MAX_RESOURCES, "resource ids", ids)
    return ids


def _create(context: Context, change: TagChange) -> ResponseData:
    context.cloud.tags.add(change.ids, change.tags)
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRemoval:
    """Which tags to remove from which resources."""

    ids: tuple[str, ...]
    tags: Mapping[str, str | None] | None
    """By key the value that the tag must have, None for any. Without a mapping: all tags except those of AWS."""


def _check_delete(_: Context, params: Params) -> TagRemoval:
    tags = params.get("Tags")
    return TagRemoval(
        ids=_resources(params), tags={tag.get("Key", ""): tag.get("Value") for tag in tags} if tags else None
    )


def _delete(context: Context, removal: TagRemoval) -> ResponseData:
    context.cloud.tags.remove(removal.ids, removal.tags)
    return {}


_FIELDS: Mapping[str, Field] = {
    "key": "Key",
    "resource-id": "ResourceId",
    "resource-type": "ResourceType",
    "value": "Value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagQuery:
    """Which tags, and which page of them."""

    keep: Keep
    page: PageRequest


def _check_describe(_: Context, params: Params) -> TagQuery:
    keep = parse_filters(params, _FIELDS, lambda tag: {tag["Key"]: tag["Value"]})
    return TagQuery(keep=keep, page=parse_page(params, low=5, high=1000))


def _describe(context: Context, query: TagQuery) -> ResponseData:
    chosen = filter(query.keep, _all(context))
    page = paginate(chosen, query.page, lambda tag: f"{tag['ResourceId']} {tag['Key']}")
    return {"Tags": list(page.items), "NextToken": page.next_token}


def _all(context: Context) -> Iterator[ResponseData]:
    for kind, resource_id, tags in context.cloud.tags.all():
        for key, value in tags.items():
            yield {"Key": key, "ResourceId": resource_id, "ResourceType": kind, "Value": value}


ACTIONS = (
    Action(
        name="CreateTags",
        supported=frozenset({"Resources", "Tags"}),
        check=_check_create,
        dry_run=lambda context, change: context.cloud.tags.check_add(change.ids, change.tags),
        act=_create,
    ),
    Action(
        name="DeleteTags",
        supported=frozenset({"Resources", "Tags"}),
        check=_check_delete,
        dry_run=lambda context, removal: context.cloud.tags.check_remove(removal.ids, removal.tags),
        act=_delete,
    ),
    Action(
        name="DescribeTags",
        supported=frozenset({"Filters", "MaxResults", "NextToken"}),
        check=_check_describe,
        act=_describe,
    ),
)
