"""DescribeImages: the image catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.base.errors import NotFound
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.actions.instance_response import PLATFORM
from vmhost.ec2.filters import Field, Keep, parse_filters
from vmhost.ec2.pagination import PageRequest, paginate, parse_page
from vmhost.model.image import Image, check_image_id
from vmhost.model.region import ACCOUNT_ID

_OURS = frozenset({"self", ACCOUNT_ID})
_FIELDS: Mapping[str, Field] = {
    "architecture": "Architecture",
    "creation-date": "CreationDate",
    "description": "Description",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "manifest-location": "ImageLocation",
    "name": "Name",
    "owner-id": "OwnerId",
    "state": "State",
    "virtualization-type": "VirtualizationType",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuery:
    """Which images, and which page of them."""

    ids: tuple[str, ...]
    ours: bool
    """Whether the requested owners include the only one there is."""
    keep: Keep
    page: PageRequest


def _check(context: Context, params: Params) -> ImageQuery:
    ids = tuple(params.get("ImageIds", ()))
    known = context.cloud.images
    for image_id in ids:
        check_image_id(image_id)
        if image_id not in known:
            raise NotFound(f"The image id '[{image_id}]' does not exist", code="InvalidAMIID.NotFound")
    owners, users = params.get("Owners", ()), params.get("ExecutableUsers", ())
    return ImageQuery(
        ids=ids,
        ours=(not owners or bool(_OURS.intersection(owners))) and (not users or bool({"all", "self"} & set(users))),
        keep=parse_filters(params, _FIELDS),
        page=parse_page(params, low=1, high=1000),
    )


def _act(context: Context, query: ImageQuery) -> ResponseData:
    images = tuple(context.cloud.images.values()) if query.ours else ()
    chosen = (_response(image) for image in images if not query.ids or image.id in query.ids)
    page = paginate(filter(query.keep, chosen), query.page, lambda shown: shown["ImageId"])
    return {"Images": list(page.items), "NextToken": page.next_token}


def _response(image: Image) -> ResponseData:
    return {
        "ImageId": image.id,
        "ImageLocation": f"{ACCOUNT_ID}/{image.name}",
        "State": "available",
        "OwnerId": ACCOUNT_ID,
        "CreationDate": image.created,
        "Public": True,
        "Architecture": image.architecture,
        "ImageType": "machine",
        "Description": image.description,
        "Hypervisor": "xen",
        "Name": image.name,
        "PlatformDetails": PLATFORM,
        "UsageOperation": "RunInstances",
        # EC2 always returns this list, and programs rely on it.
        "BlockDeviceMappings": [],
        "VirtualizationType": "hvm",
    }


ACTIONS = (
    Action(
        name="DescribeImages",
        supported=frozenset({"ExecutableUsers", "Filters", "ImageIds", "MaxResults", "NextToken", "Owners"}),
        # No image here is deprecated or disabled.
        without_effect=frozenset({"IncludeDeprecated", "IncludeDisabled"}),
        check=_check,
        act=_act,
    ),
)
