"""Launch templates."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.cloud import Cloud
from vmhost.control.instances.launcher import DEFAULT_TYPE
from vmhost.control.templates.record import LaunchTemplate, LaunchTemplateVersion
from vmhost.control.templates.service import TemplateRequest
from vmhost.ec2.actions.base import (
    ACCOUNT,
    Action,
    Answer,
    Context,
    Params,
    at_most,
    moment,
    only,
    specified_tags,
    tag_list,
)
from vmhost.ec2.actions.fixed_options import OPTIONS, PLACEMENT, options_of
from vmhost.ec2.actions.launch import NOT_MADE, check_template_id, template_of, user_data
from vmhost.ec2.filters import Field, Keep, parse_filters, shown_tags
from vmhost.ec2.pages import PageRequest, paginate, parse_page

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}", re.ASCII)
_DATA = frozenset({"ImageId", "InstanceType", "TagSpecifications", "UserData"})
_MAX_NAMED = 200
_DEFAULT, _LATEST = "$Default", "$Latest"
_MOST = 999_999_999
_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
_FIELDS: Mapping[str, Field] = {"create-time": "CreateTime", "launch-template-name": "LaunchTemplateName"}
_VERSION_FIELDS: Mapping[str, Field] = {
    "create-time": "CreateTime",
    "ebs-optimized": "LaunchTemplateData.EbsOptimized",
    "http-endpoint": "LaunchTemplateData.MetadataOptions.HttpEndpoint",
    "http-tokens": "LaunchTemplateData.MetadataOptions.HttpTokens",
    "image-id": "LaunchTemplateData.ImageId",
    "instance-type": "LaunchTemplateData.InstanceType",
    "is-default-version": "DefaultVersion",
}


def _check_create(context: Context, params: Params) -> TemplateRequest:
    name, data = params["LaunchTemplateName"], params["LaunchTemplateData"]
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"launch template name '{name[:130]}' is invalid; expected 3 to 128 letters, digits and ( ) . - / _",
            code="InvalidLaunchTemplateName.MalformedException",
        )
    only("LaunchTemplateData", data, _DATA, _fixed(context.cloud, data.get("InstanceType")))
    return TemplateRequest(
        name=name,
        image_id=data.get("ImageId") or None,
        type_name=data.get("InstanceType") or None,
        user_data=user_data(data),
        instance_tags=specified_tags(data, "instance", NOT_MADE),
        tags=specified_tags(params, "launch-template"),
        description=params.get("VersionDescription"),
        client_token=params.get("ClientToken") or None,
        stated={name: value for name, value in data.items() if name not in _DATA},
    )


def _fixed(cloud: Cloud, type_name: str | None) -> Params:
    """What the data of a template may state of its instances."""
    itype = next((itype for itype in cloud.types.types if itype.name == (type_name or DEFAULT_TYPE)), None)
    options = options_of(itype) if itype else OPTIONS
    return {**options, "InstanceInitiatedShutdownBehavior": "stop", "Placement": PLACEMENT}


def _create(context: Context, request: TemplateRequest) -> Answer:
    return {"LaunchTemplate": _answer(context.cloud.templates.create(request))}


def _check_one(context: Context, params: Params) -> LaunchTemplate:
    template, _ = template_of(params)
    return context.cloud.templates.get(template)


def _delete(context: Context, template: LaunchTemplate) -> Answer:
    return {"LaunchTemplate": _answer(context.cloud.templates.delete(template.id))}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateQuery:
    """Which templates, and which page of them."""

    wanted: frozenset[str]
    keep: Keep
    page: PageRequest


def _check_describe(context: Context, params: Params) -> TemplateQuery:
    ids = params.get("LaunchTemplateIds", ())
    for template_id in ids:
        check_template_id(template_id)
    asked = [*ids, *params.get("LaunchTemplateNames", ())]
    at_most(_MAX_NAMED, "launch templates", asked)
    return TemplateQuery(
        wanted=frozenset(context.cloud.templates.get(template).id for template in asked),
        keep=parse_filters(params, _FIELDS, shown_tags),
        page=parse_page(params, low=1, high=200),
    )


def _describe(context: Context, query: TemplateQuery) -> Answer:
    chosen = (_answer(t) for t in context.cloud.templates.all() if not query.wanted or t.id in query.wanted)
    page = paginate(filter(query.keep, chosen), query.page, lambda shown: shown["LaunchTemplateId"])
    return {"LaunchTemplates": list(page.items), "NextToken": page.next_token}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionQuery:
    """Which versions of which templates, and which page of them."""

    versions: tuple[tuple[LaunchTemplate, LaunchTemplateVersion], ...]
    keep: Keep
    page: PageRequest


def _check_versions(context: Context, params: Params) -> VersionQuery:
    texts = params.get("Versions", ())
    if "LaunchTemplateId" in params or "LaunchTemplateName" in params:
        templates: tuple[LaunchTemplate, ...] = (_check_one(context, params),)
    elif texts and set(texts) <= {_DEFAULT, _LATEST}:
        templates = context.cloud.templates.all()
    else:
        raise InvalidInput(
            "name a launch template, or ask for the versions $Latest and $Default alone, of all templates",
            code="MissingParameter",
        )
    low, high = _number(params, "MinVersion", 1), _number(params, "MaxVersion", _MOST)
    return VersionQuery(
        versions=tuple(
            (template, version)
            for template in templates
            for numbers in (_numbers(template, texts),)
            for version in template.versions
            if version.number in numbers and low <= version.number <= high
        ),
        keep=parse_filters(params, _VERSION_FIELDS),
        page=parse_page(params, low=1, high=200),
    )


def _number(params: Params, name: str, default: int) -> int:
    text: str = params.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput(f"{name} '{text[:20]}' is invalid; give a version's number")
    return int(text)


def _numbers(template: LaunchTemplate, texts: Sequence[str]) -> frozenset[int]:
    """The numbers of the versions that the texts name; of all versions where there is no text."""
    known = {str(version.number): version.number for version in template.versions}
    known |= {_DEFAULT: template.default_version, _LATEST: template.versions[-1].number}
    for text in texts:
        if text not in known:
            raise NotFound(
                f"Could not find the specified version {text[:20]} for the launch template with ID {template.id}.",
                code="InvalidLaunchTemplateId.VersionNotFound",
            )
    return frozenset(known[text] for text in texts or known)


def _describe_versions(_: Context, query: VersionQuery) -> Answer:
    chosen = filter(query.keep, (_version(template, version) for template, version in query.versions))
    page = paginate(chosen, query.page, lambda shown: f"{shown['LaunchTemplateId']} {shown['VersionNumber']:09d}")
    return {"LaunchTemplateVersions": list(page.items), "NextToken": page.next_token}


def _answer(template: LaunchTemplate) -> Answer:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": moment(template.created_at),
        "CreatedBy": _ROOT,
        "DefaultVersionNumber": template.default_version,
        "LatestVersionNumber": template.versions[-1].number,
        "Tags": tag_list(template.tags),
    }


def _version(template: LaunchTemplate, version: LaunchTemplateVersion) -> Answer:
    tags = [{"ResourceType": "instance", "Tags": tag_list(version.tags)}] if version.tags else None
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "CreateTime": moment(version.created_at),
        "CreatedBy": _ROOT,
        "DefaultVersion": version.number == template.default_version,
        "LaunchTemplateData": {
            "ImageId": version.image_id,
            "InstanceType": version.type_name,
            "UserData": None if version.user_data is None else base64.b64encode(version.user_data).decode(),
            "TagSpecifications": tags,
            **version.stated,
        },
    }


_ONE = frozenset({"LaunchTemplateId", "LaunchTemplateName"})

ACTIONS = (
    Action(
        name="CreateLaunchTemplate",
        takes=frozenset({"ClientToken", "LaunchTemplateData", "LaunchTemplateName"})
        | {"TagSpecifications", "VersionDescription"},
        check=_check_create,
        dry=lambda context, request: context.cloud.templates.check_create(request),
        act=_create,
    ),
    Action(
        name="DescribeLaunchTemplates",
        takes=frozenset({"Filters", "LaunchTemplateIds", "LaunchTemplateNames", "MaxResults", "NextToken"}),
        fixed={"IncludeManagedResources": False},
        check=_check_describe,
        act=_describe,
    ),
    Action(
        name="DescribeLaunchTemplateVersions",
        takes=_ONE | {"Filters", "MaxResults", "MaxVersion", "MinVersion", "NextToken", "Versions"},
        fixed={"IncludeManagedResources": False, "ResolveAlias": False},
        check=_check_versions,
        act=_describe_versions,
    ),
    Action(name="DeleteLaunchTemplate", takes=_ONE, check=_check_one, act=_delete),
)
