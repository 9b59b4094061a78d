"""Attributes of instances: DescribeInstanceAttribute and ModifyInstanceAttribute."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.control.instances.attributes import AttributeChange
from vmhost.control.instances.record import Instance
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.actions.instance_response import OPTIONS
from vmhost.ec2.actions.instances import check_named


def _user_data(instance: Instance) -> str | None:
    return base64.b64encode(instance.user_data).decode() if instance.user_data else None


_ATTRIBUTES: Mapping[str, tuple[str, Callable[[Instance], Any]]] = {
    "blockDeviceMapping": ("BlockDeviceMappings", lambda _: []),
    "disableApiStop": ("DisableApiStop", lambda instance: {"Value": instance.stop_protected}),
    "disableApiTermination": ("DisableApiTermination", lambda instance: {"Value": instance.termination_protected}),
    "ebsOptimized": ("EbsOptimized", lambda _: {"Value": False}),
    "enclaveOptions": ("EnclaveOptions", lambda _: OPTIONS["EnclaveOptions"]),
    "groupSet": ("Groups", lambda _: []),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        lambda instance: {"Value": instance.shutdown_behavior},
    ),
    "instanceType": ("InstanceType", lambda instance: {"Value": instance.type_name}),
    "productCodes": ("ProductCodes", lambda _: []),
    "userData": ("UserData", lambda instance: {"Value": _user_data(instance)}),
}
"""By EC2's name: the response's member and its value for an instance."""
_UNSUPPORTED = frozenset({"enaSupport", "kernel", "ramdisk", "rootDeviceName", "sourceDestCheck", "sriovNetSupport"})
_CHANGED_BY_VALUE = {
    "disableApiStop": "DisableApiStop",
    "disableApiTermination": "DisableApiTermination",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "instanceType": "InstanceType",
    "userData": "UserData",
}
"""The attributes that `Attribute` and `Value` can change, and the member that changes them too."""
_MEMBERS = frozenset(_CHANGED_BY_VALUE.values())


def _check_describe(context: Context, params: Params) -> tuple[str, str]:
    """Return the instance's id and the attribute's name."""
    attribute = _known(params["Attribute"], tuple(_ATTRIBUTES), "DescribeInstanceAttribute")
    return check_named(context, params), attribute


def _known(attribute: str, known: tuple[str, ...], action: str) -> str:
    names = ", ".join(known)
    if attribute in known:
        return attribute
    if attribute in _UNSUPPORTED or attribute in _ATTRIBUTES:
        raise Unsupported(f"{action} does not support {attribute} here; it supports {names}")
    raise InvalidInput(f"Value ({attribute[:60]}) for parameter attribute is invalid; attributes are {names}")


def _describe(context: Context, query: tuple[str, str]) -> ResponseData:
    instance_id, attribute = query
    member, value_of = _ATTRIBUTES[attribute]
    return {"InstanceId": instance_id, member: value_of(context.cloud.instances.get(instance_id))}


def _check_modify(context: Context, params: Params) -> tuple[str, AttributeChange]:
    instance_id = check_named(context, params)
    values = {name: params[name].get("Value") for name in _MEMBERS if name in params}
    if "Attribute" in params:
        attribute = _known(params["Attribute"], tuple(_CHANGED_BY_VALUE), "ModifyInstanceAttribute")
        values[_CHANGED_BY_VALUE[attribute]] = _typed(attribute, params.get("Value", ""))
    if len(values) > 1:
        raise InvalidInput(
            f"{', '.join(sorted(values))} are given; a request changes one attribute",
            code="InvalidParameterCombination",
        )
    change = AttributeChange(
        type_name=values.get("InstanceType"),
        user_data=values.get("UserData"),
        shutdown_behavior=values.get("InstanceInitiatedShutdownBehavior"),
        termination_protected=values.get("DisableApiTermination"),
        stop_protected=values.get("DisableApiStop"),
    )
    return instance_id, change


def _typed(attribute: str, text: str) -> Any:
    """Return the value in the type that the attribute's own member has. Raises InvalidInput."""
    if attribute == "userData":
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise InvalidInput("Invalid BASE64 encoding of user data.") from None
    if attribute in ("disableApiStop", "disableApiTermination"):
        if text.lower() not in ("true", "false"):
            raise InvalidInput(f"Value ({text[:60]}) for {attribute} is invalid; use true or false")
        return text.lower() == "true"
    return text


def _modify(context: Context, request: tuple[str, AttributeChange]) -> ResponseData:
    context.cloud.instances.modify(*request)
    return {}


ACTIONS = (
    Action(
        name="DescribeInstanceAttribute",
        supported=frozenset({"Attribute", "InstanceId"}),
        check=_check_describe,
        act=_describe,
    ),
    Action(
        name="ModifyInstanceAttribute",
        supported=frozenset({"Attribute", "InstanceId", "Value"}) | {f"{name}.Value" for name in _MEMBERS},
        fixed={"EbsOptimized": {"Value": False}},
        check=_check_modify,
        dry_run=lambda context, request: context.cloud.instances.check_modify(*request),
        act=_modify,
    ),
)
