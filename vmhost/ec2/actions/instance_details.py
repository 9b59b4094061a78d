"""Console output, attributes and CPU credits of instances."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.control.instances.record import Instance
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count, utc_datetime
from vmhost.ec2.actions.fixed_options import CPU_CREDITS, OPTIONS
from vmhost.ec2.actions.instances import InstanceQuery, check_id, find_instances, parse_query
from vmhost.ec2.filters import parse_filters
from vmhost.ec2.pagination import paginate

_MAX_IDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeQuery:
    """Which attribute of which instance."""

    instance_id: str
    attribute: str


def _check_id(context: Context, params: Params) -> str:
    instance_id: str = params["InstanceId"]
    check_id(instance_id)
    find_instances(context.cloud, (instance_id,))
    return instance_id


async def _console(context: Context, instance_id: str) -> ResponseData:
    printed = await context.cloud.instances.console(instance_id)
    return {
        "InstanceId": instance_id,
        "Timestamp": utc_datetime(context.cloud.clock.now()),
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
"""By EC2's name: the response's member and its value for an instance."""

_UNSUPPORTED = frozenset({"enaSupport", "kernel", "ramdisk", "rootDeviceName", "sourceDestCheck", "sriovNetSupport"})


def _check_attribute(context: Context, params: Params) -> AttributeQuery:
    attribute, known = params["Attribute"], ", ".join(_ATTRIBUTES)
    if attribute in _UNSUPPORTED:
        raise Unsupported(f"DescribeInstanceAttribute does not support {attribute} here; it supports {known}")
    if attribute not in _ATTRIBUTES:
        raise InvalidInput(f"Value ({attribute[:60]}) for parameter attribute is invalid; attributes are {known}")
    return AttributeQuery(instance_id=_check_id(context, params), attribute=attribute)


def _attribute(context: Context, query: AttributeQuery) -> ResponseData:
    member, value_of = _ATTRIBUTES[query.attribute]
    return {"InstanceId": query.instance_id, member: value_of(context.cloud.instances.get(query.instance_id))}


def _check_credits(context: Context, params: Params) -> InstanceQuery:
    query = parse_query(context, params, parse_filters(params, {"instance-id": "InstanceId"}))
    check_count(_MAX_IDS, "instance ids", query.ids)
    for instance in find_instances(context.cloud, query.ids) if query.ids else ():
        if not _burstable(context, instance):
            raise InvalidInput(f"instance {instance.id} is a {instance.type_name}, which has no CPU credits")
    return query


def _burstable(context: Context, instance: Instance) -> bool:
    return any(itype.name == instance.type_name and itype.burstable for itype in context.cloud.types.types)


def _credits(context: Context, query: InstanceQuery) -> ResponseData:
    shown = (
        {"InstanceId": instance.id, "CpuCredits": CPU_CREDITS}
        for instance in find_instances(context.cloud, query.ids)
        if _burstable(context, instance)
    )
    page = paginate(filter(query.keep, shown), query.page, lambda item: item["InstanceId"])
    return {"InstanceCreditSpecifications": list(page.items), "NextToken": page.next_token}


ACTIONS = (
    Action(
        name="DescribeInstanceCreditSpecifications",
        supported=frozenset({"Filters", "InstanceIds", "MaxResults", "NextToken"}),
        check=_check_credits,
        act=_credits,
    ),
    Action(
        name="GetConsoleOutput",
        supported=frozenset({"InstanceId"}),
        without_effect=frozenset({"Latest"}),
        check=_check_id,
        act=_console,
    ),
    Action(
        name="DescribeInstanceAttribute",
        supported=frozenset({"Attribute", "InstanceId"}),
        check=_check_attribute,
        act=_attribute,
    ),
)
