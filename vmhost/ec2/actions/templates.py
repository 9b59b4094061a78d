"""Launch templates."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.cloud import Cloud
from vmhost.control.requests import TemplateRequest
from vmhost.ec2.actions.base import ACCOUNT, Action, Answer, Context, Params, moment, only, specified_tags, tag_list
from vmhost.ec2.actions.launch import template_of, user_data
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pages import PageRequest, paginate, parse_page
from vmhost.model.fleet import LaunchTemplate, LaunchTemplateVersion

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}", re.ASCII)
_DATA = frozenset({"ImageId", "InstanceType", "TagSpecifications", "UserData"})
_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
_FIELDS: Mapping[str, Field[LaunchTemplate]] = {
    "launch-template-name": lambda template: [template.name],
}


def _check_create(context: Context, params: Params) -> TemplateRequest:
    name, data = params["LaunchTemplateName"], params["LaunchTemplateData"]
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"launch template name '{name[:130]}' is invalid; expected 3 to 128 letters, digits and ( ) . - / _",
            code="InvalidLaunchTemplateName.MalformedException",
        )
    only("LaunchTemplateData", data, _DATA)
    return TemplateRequest(
        name=name,
        image_id=data.get("ImageId") or None,
        type_name=data.get("InstanceType") or None,
        user_data=user_data(data),
        instance_tags=specified_tags(data, "instance"),
        tags=specified_tags(params, "launch-template"),
        description=params.get("VersionDescription"),
        client_token=params.get("ClientToken") or None,
    )


async def _create(context: Context, request: TemplateRequest) -> Answer:
    return {"LaunchTemplate": _answer(await context.cloud.create_launch_template(request))}


def _check_one(context: Context, params: Params) -> LaunchTemplate:
    template, _ = template_of(params)
    return _find(context.cloud, template)


async def _delete(context: Context, template: LaunchTemplate) -> Answer:
    return {"LaunchTemplate": _answer(await context.cloud.delete_launch_template(template.id))}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateQuery:
    """Which templates, and which page of them."""

    wanted: frozenset[str]
    keep: Callable[[LaunchTemplate], bool]
    page: PageRequest


def _check_describe(context: Context, params: Params) -> TemplateQuery:
    asked = [*params.get("LaunchTemplateIds", ()), *params.get("LaunchTemplateNames", ())]
    return TemplateQuery(
        wanted=frozenset(_find(context.cloud, template).id for template in asked),
        keep=parse_filters(params, _FIELDS, lambda template: template.tags),
        page=parse_page(params, low=1, high=200),
    )


def _describe(context: Context, query: TemplateQuery) -> Answer:
    templates = context.cloud.templates()
    chosen = [t for t in templates if query.keep(t) and (not query.wanted or t.id in query.wanted)]
    page = paginate(chosen, query.page, lambda template: template.id)
    return {"LaunchTemplates": [_answer(template) for template in page.items], "NextToken": page.next_token}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionQuery:
    """Which versions of a template, and which page of them."""

    template: LaunchTemplate
    numbers: frozenset[int]
    page: PageRequest


def _check_versions(context: Context, params: Params) -> VersionQuery:
    template = _check_one(context, params)
    known = {str(version.number): version.number for version in template.versions}
    known |= {"$Default": template.default_version, "$Latest": template.versions[-1].number}
    for text in params.get("Versions", ()):
        if text not in known:
            raise NotFound(
                f"Could not find the specified version {text[:20]} for the launch template with ID {template.id}.",
                code="InvalidLaunchTemplateId.VersionNotFound",
            )
    numbers = frozenset(known[text] for text in params.get("Versions", known))
    return VersionQuery(template=template, numbers=numbers, page=parse_page(params, low=1, high=200))


def _describe_versions(_: Context, query: VersionQuery) -> Answer:
    chosen = [version for version in query.template.versions if version.number in query.numbers]
    page = paginate(chosen, query.page, lambda version: f"{version.number:09d}")
    return {
        "LaunchTemplateVersions": [_version(query.template, version) for version in page.items],
        "NextToken": page.next_token,
    }


def _find(cloud: Cloud, id_or_name: str) -> LaunchTemplate:
    for template in cloud.templates():
        if id_or_name in (template.id, template.name):
            return template
    if id_or_name.startswith("lt-"):
        words = f"The specified launch template, with template ID {id_or_name[:60]}, does not exist."
        raise NotFound(words, code="InvalidLaunchTemplateId.NotFound")
    words = f"The specified launch template, with template name {id_or_name[:130]}, does not exist."
    raise NotFound(words, code="InvalidLaunchTemplateName.NotFoundException")


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
        },
    }


_ONE = frozenset({"LaunchTemplateId", "LaunchTemplateName"})

ACTIONS = (
    Action(
        name="CreateLaunchTemplate",
        takes=frozenset({"ClientToken", "LaunchTemplateData", "LaunchTemplateName"})
        | {"TagSpecifications", "VersionDescription"},
        check=_check_create,
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
        takes=_ONE | {"MaxResults", "NextToken", "Versions"},
        fixed={"IncludeManagedResources": False, "ResolveAlias": False},
        check=_check_versions,
        act=_describe_versions,
    ),
    Action(name="DeleteLaunchTemplate", takes=_ONE, check=_check_one, act=_delete),
)
