"""Launch templates."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.instances.launcher import DEFAULT_TYPE
from vmhost.control.templates.record import LaunchTemplate, LaunchTemplateVersion
from vmhost.control.templates.service import TemplateRequest
from vmhost.ec2.actions.action import (
    Action,
    Context,
    Params,
    ResponseData,
    check_count,
    tag_list,
    tags_for_resource,
    utc_datetime,
)
from vmhost.ec2.actions.describe import Field, describe, item_tags
from vmhost.ec2.actions.instance_response import BY_TYPE, OPTIONS, PLACEMENT, check_type_options
from vmhost.ec2.actions.run_instances import NOT_CREATED, check_template_id, template_of, user_data
from vmhost.model.region import ACCOUNT_ID

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}", re.ASCII)
_DATA = ("ImageId", "InstanceType", "KeyName", "TagSpecifications", "UserData")
_FIXED_DATA = {
    **OPTIONS,
    **BY_TYPE,
    "DisableApiStop": False,
    "DisableApiTermination": False,
    "InstanceInitiatedShutdownBehavior": "stop",
    "Placement": PLACEMENT,
}
_MAX_NAMED = 200
_DEFAULT, _LATEST = "$Default", "$Latest"
_VERSION_MAX = 999_999_999
_ROOT = f"arn:aws:iam::{ACCOUNT_ID}:root"
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
            f"invalid launch template name '{name[:130]}'; use 3 to 128 letters, digits and ( ) . - / _",
            code="InvalidLaunchTemplateName.MalformedException",
        )
    if stated := {name: data[name] for name in BY_TYPE if name in data}:
        itype = context.cloud.inventory.types.get(data.get("InstanceType") or DEFAULT_TYPE)
        if itype is None:
            words = "CpuOptions and CreditSpecification need an instance type of the catalogue here"
            raise InvalidInput(f"{words}, not {data['InstanceType'][:40]!r}")
        check_type_options("LaunchTemplateData", stated, itype)
    return TemplateRequest(
        name=name,
        image_id=data.get("ImageId") or None,
        type_name=data.get("InstanceType") or None,
        user_data=user_data(data),
        key_name=data.get("KeyName") or None,
        instance_tags=tags_for_resource(data, "instance", NOT_CREATED),
        tags=tags_for_resource(params, "launch-template"),
        description=params.get("VersionDescription"),
        client_token=params.get("ClientToken") or None,
        stated={name: value for name, value in data.items() if name not in _DATA},
    )


def _create(context: Context, request: TemplateRequest) -> ResponseData:
    return {"LaunchTemplate": _response(context.cloud.templates.create(request))}


def _check_one(context: Context, params: Params) -> LaunchTemplate:
    template, _ = template_of(params)
    return context.cloud.templates.get(template)


def _delete(context: Context, template: LaunchTemplate) -> ResponseData:
    return {"LaunchTemplate": _response(context.cloud.templates.delete(template.id))}


def _templates(context: Context, params: Params) -> Iterator[ResponseData]:
    ids = params.get("LaunchTemplateIds", ())
    for template_id in ids:
        check_template_id(template_id)
    requested = [*ids, *params.get("LaunchTemplateNames", ())]
    check_count(_MAX_NAMED, "launch templates", requested)
    wanted = {context.cloud.templates.get(template).id for template in requested}
    return (_response(t) for t in context.cloud.templates.all() if not wanted or t.id in wanted)


def _versions(context: Context, params: Params) -> Iterator[ResponseData]:
    texts = params.get("Versions", ())
    if "LaunchTemplateId" in params or "LaunchTemplateName" in params:
        templates: tuple[LaunchTemplate, ...] = (_check_one(context, params),)
    elif texts and set(texts) <= {_DEFAULT, _LATEST}:
        templates = context.cloud.templates.all()
    else:
        raise InvalidInput(
            "name a launch template, or request only the versions $Latest and $Default, of all templates",
            code="MissingParameter",
        )
    low, high = _number(params, "MinVersion", 1), _number(params, "MaxVersion", _VERSION_MAX)
    numbers = {template.id: _numbers(template, texts) for template in templates}
    return (
        _version(template, version)
        for template in templates
        for version in template.versions
        if version.number in numbers[template.id] and low <= version.number <= high
    )


def _number(params: Params, name: str, default: int) -> int:
    text: str = params.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput(f"invalid {name} '{text[:20]}'; give a version number")
    return int(text)


def _numbers(template: LaunchTemplate, texts: Sequence[str]) -> frozenset[int]:
    """Return the numbers of the named versions, or of all versions if none is named."""
    known = {str(version.number): version.number for version in template.versions}
    known |= {_DEFAULT: template.default_version, _LATEST: template.versions[-1].number}
    for text in texts:
        if text not in known:
            raise NotFound(
                f"Could not find the specified version {text[:20]} for the launch template with ID {template.id}.",
                code="InvalidLaunchTemplateId.VersionNotFound",
            )
    return frozenset(known[text] for text in texts or known)


def _response(template: LaunchTemplate) -> ResponseData:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": utc_datetime(template.created_at),
        "CreatedBy": _ROOT,
        "DefaultVersionNumber": template.default_version,
        "LatestVersionNumber": template.versions[-1].number,
        "Tags": tag_list(template.tags),
    }


def _version(template: LaunchTemplate, version: LaunchTemplateVersion) -> ResponseData:
    tags = [{"ResourceType": "instance", "Tags": tag_list(version.tags)}] if version.tags else None
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "CreateTime": utc_datetime(version.created_at),
        "CreatedBy": _ROOT,
        "DefaultVersion": version.number == template.default_version,
        "LaunchTemplateData": {
            "ImageId": version.image_id,
            "InstanceType": version.type_name,
            "KeyName": version.key_name,
            "UserData": None if version.user_data is None else base64.b64encode(version.user_data).decode(),
            "TagSpecifications": tags,
            **version.stated,
        },
    }


_ONE = frozenset({"LaunchTemplateId", "LaunchTemplateName"})

ACTIONS = (
    Action(
        name="CreateLaunchTemplate",
        supported=frozenset({"ClientToken", "LaunchTemplateName", "TagSpecifications", "VersionDescription"})
        | {f"LaunchTemplateData.{name}" for name in _DATA},
        fixed={"LaunchTemplateData": _FIXED_DATA},
        check=_check_create,
        dry_run=lambda context, request: context.cloud.templates.check_create(request),
        act=_create,
    ),
    describe(
        "DescribeLaunchTemplates",
        items=_templates,
        response="LaunchTemplates",
        key=itemgetter("LaunchTemplateId"),
        fields=_FIELDS,
        tags=item_tags,
        pages=(1, 200),
        supported=frozenset({"LaunchTemplateIds", "LaunchTemplateNames"}),
        fixed={"IncludeManagedResources": False},
    ),
    describe(
        "DescribeLaunchTemplateVersions",
        items=_versions,
        response="LaunchTemplateVersions",
        key=lambda shown: f"{shown['LaunchTemplateId']} {shown['VersionNumber']:09d}",
        fields=_VERSION_FIELDS,
        pages=(1, 200),
        supported=_ONE | {"MaxVersion", "MinVersion", "Versions"},
        fixed={"IncludeManagedResources": False, "ResolveAlias": False},
    ),
    Action(name="DeleteLaunchTemplate", supported=_ONE, check=_check_one, act=_delete),
)
