"""DescribeImages: the image catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.ec2.actions.base import ACCOUNT, Action, Answer, Context, Params
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pages import PageRequest, paginate, parse_page
from vmhost.model.image import Image

_ID = re.compile(r"ami-[0-9a-z]{8,17}", re.ASCII)
_OURS = frozenset({"self", ACCOUNT})
_FIELDS: Mapping[str, Field[Image]] = {
    "architecture": lambda image: [image.architecture],
    "creation-date": lambda image: [image.created],
    "description": lambda image: [image.description],
    "hypervisor": lambda image: ["xen"],
    "image-id": lambda image: [image.id],
    "image-type": lambda image: ["machine"],
    "is-public": lambda image: ["true"],
    "name": lambda image: [image.name],
    "owner-id": lambda image: [ACCOUNT],
    "state": lambda image: ["available"],
    "virtualization-type": lambda image: ["hvm"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuery:
    """Which images, and which page of them."""

    ids: tuple[str, ...]
    ours: bool
    """Whether the owners asked for include the one there is."""
    keep: Callable[[Image], bool]
    page: PageRequest


def _check(context: Context, params: Params) -> ImageQuery:
    ids = tuple(params.get("ImageIds", ()))
    known = {image.id for image in context.cloud.images()}
    for image_id in ids:
        if not _ID.fullmatch(image_id):
            raise InvalidInput(f'Invalid id: "{image_id[:60]}" (expecting "ami-...")', code="InvalidAMIID.Malformed")
        if image_id not in known:
            raise NotFound(f"The image id '[{image_id}]' does not exist", code="InvalidAMIID.NotFound")
    owners, users = params.get("Owners", ()), params.get("ExecutableUsers", ())
    return ImageQuery(
        ids=ids,
        ours=(not owners or bool(_OURS.intersection(owners))) and (not users or bool({"all", "self"} & set(users))),
        keep=parse_filters(params, _FIELDS),
        page=parse_page(params, low=1, high=1000),
    )


def _act(context: Context, query: ImageQuery) -> Answer:
    chosen = [
        image
        for image in context.cloud.images()
        if query.ours and query.keep(image) and (not query.ids or image.id in query.ids)
    ]
    page = paginate(chosen, query.page, lambda image: image.id)
    return {"Images": [_answer(image) for image in page.items], "NextToken": page.next_token}


def _answer(image: Image) -> Answer:
    return {
        "ImageId": image.id,
        "ImageLocation": f"{ACCOUNT}/{image.name}",
        "State": "available",
        "OwnerId": ACCOUNT,
        "CreationDate": image.created,
        "Public": True,
        "Architecture": image.architecture,
        "ImageType": "machine",
        "Description": image.description,
        "Hypervisor": "xen",
        "Name": image.name,
        "PlatformDetails": "Linux/UNIX",
        "VirtualizationType": "hvm",
    }


ACTIONS = (
    Action(
        name="DescribeImages",
        takes=frozenset({"ExecutableUsers", "Filters", "ImageIds", "MaxResults", "NextToken", "Owners"})
        | {"IncludeDeprecated", "IncludeDisabled"},
        check=_check,
        act=_act,
    ),
)
