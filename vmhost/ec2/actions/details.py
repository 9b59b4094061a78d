"""GetConsoleOutput and DescribeInstanceAttribute: what one instance printed, and what it was launched with."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.actions.base import Action, Answer, Context, Params, moment
from vmhost.ec2.actions.fixed_options import OPTIONS
from vmhost.ec2.actions.instances import check_id, named
from vmhost.model.instance import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeQuery:
    """Which attribute of which instance."""

    instance_id: str
    attribute: str


def _known_id(context: Context, params: Params) -> str:
    instance_id: str = params["InstanceId"]
    check_id(instance_id)
    named(context.cloud, (instance_id,))
    return instance_id


async def _console(context: Context, instance_id: str) -> Answer:
    printed = await context.cloud.console(instance_id)
    return {
        "InstanceId": instance_id,
        "Timestamp": moment(context.cloud.now()),
        "Output": base64.b64encode(printed.encode()).decode(),
    }


def _user_data(instance: Instance) -> str | None:
    return base64.b64encode(instance.user_data).decode() if instance.user_data else None


_ATTRIBUTES: Mapping[str, tuple[str, Callable[[Instance], Any]]] = {
    "blockDeviceMapping": ("BlockDeviceMappings", lambda _: []),
    "disableApiStop": ("DisableApiStop", lambda _: {"Value": False}),
    "disableApiTermination": ("DisableApiTermination", lambda _: {"Value": False}),
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
"""By EC2's name: the answer's member, and the truth about an instance. Of the others we know none."""

_OTHERS = frozenset({"enaSupport", "kernel", "ramdisk", "rootDeviceName", "sourceDestCheck", "sriovNetSupport"})


def _check_attribute(context: Context, params: Params) -> AttributeQuery:
    attribute, known = params["Attribute"], ", ".join(_ATTRIBUTES)
    if attribute in _OTHERS:
        raise Unsupported(f"DescribeInstanceAttribute does not support {attribute} here; it supports {known}")
    if attribute not in _ATTRIBUTES:
        raise InvalidInput(f"Value ({attribute[:60]}) for parameter attribute is invalid; attributes are {known}")
    return AttributeQuery(instance_id=_known_id(context, params), attribute=attribute)


def _attribute(context: Context, query: AttributeQuery) -> Answer:
    member, truth = _ATTRIBUTES[query.attribute]
    return {"InstanceId": query.instance_id, member: truth(context.cloud.instance(query.instance_id))}


ACTIONS = (
    Action(name="GetConsoleOutput", takes=frozenset({"InstanceId", "Latest"}), check=_known_id, act=_console),
    Action(
        name="DescribeInstanceAttribute",
        takes=frozenset({"Attribute", "InstanceId"}),
        check=_check_attribute,
        act=_attribute,
    ),
)
