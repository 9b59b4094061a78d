"""Status, console output and CPU credits of instances."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from operator import itemgetter

from vmhost.base.errors import InvalidInput
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count, utc_datetime
from vmhost.ec2.actions.describe import Field, describe
from vmhost.ec2.actions.instance_response import CPU_CREDITS, is_orderly, state, zone_id
from vmhost.ec2.actions.instances import check_named, chosen_instances

_MAX_STATUS_IDS, _MAX_CREDIT_IDS = 100, 1000
_STATUS_FIELDS: Mapping[str, Field] = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "instance-state-code": "InstanceState.Code",
    "instance-state-name": "InstanceState.Name",
    "instance-status.reachability": "InstanceStatus.Details.Status",
    "instance-status.status": "InstanceStatus.Status",
    "system-status.reachability": "SystemStatus.Details.Status",
    "system-status.status": "SystemStatus.Status",
}


def instance_status(instance: Instance) -> str:
    """Return EC2's status: ok while it can respond, impaired if it cannot or has failed."""
    if instance.api_state is InstanceState.RUNNING:
        return "impaired" if instance.impaired else "ok"
    if instance.api_state is InstanceState.PENDING:
        return "initializing"
    died = instance.reason is not None and not is_orderly(instance.reason)
    return "impaired" if died and instance.api_state is not InstanceState.TERMINATED else "not-applicable"


def system_status(instance: Instance) -> str:
    """Return the status of the host below the instance: the failure of a program is not the host's."""
    own = instance_status(instance)
    return "ok" if own == "impaired" else own


def _statuses(context: Context, params: Params) -> Iterator[ResponseData]:
    check_count(_MAX_STATUS_IDS, "instance ids", params.get("InstanceIds", ()))
    instances, every = chosen_instances(context, params), params.get("IncludeAllInstances", False)
    return (_status(each) for each in instances if every or each.api_state is InstanceState.RUNNING)


def _status(instance: Instance) -> ResponseData:
    return {
        "AvailabilityZone": instance.zone,
        "AvailabilityZoneId": zone_id(instance.zone),
        "Events": [],
        "InstanceId": instance.id,
        "InstanceState": state(instance),
        "InstanceStatus": _summary(instance, instance_status(instance)),
        "SystemStatus": _summary(instance, system_status(instance)),
    }


def _summary(instance: Instance, status: str) -> ResponseData:
    if status == "not-applicable":
        return {"Status": status}
    passed = {"ok": "passed", "initializing": "initializing", "impaired": "failed"}[status]
    since = utc_datetime(instance.impaired_at or instance.changed_at) if status == "impaired" else None
    return {"Status": status, "Details": [{"Name": "reachability", "Status": passed, "ImpairedSince": since}]}


async def _console(context: Context, instance_id: str) -> ResponseData:
    printed = await context.cloud.instances.console(instance_id)
    return {
        "InstanceId": instance_id,
        "Timestamp": utc_datetime(context.cloud.clock.now()),
        "Output": base64.b64encode(printed.encode()).decode(),
    }


def _credits(context: Context, params: Params) -> list[ResponseData]:
    check_count(_MAX_CREDIT_IDS, "instance ids", params.get("InstanceIds", ()))
    found: list[ResponseData] = []
    for instance in chosen_instances(context, params):
        itype = context.cloud.inventory.types.get(instance.type_name)
        if itype and itype.burstable:
            found.append({"InstanceId": instance.id, "CpuCredits": CPU_CREDITS})
        elif params.get("InstanceIds"):
            raise InvalidInput(f"instance {instance.id} is a {instance.type_name}, which has no CPU credits")
    return found


ACTIONS = (
    describe(
        "DescribeInstanceStatus",
        items=_statuses,
        response="InstanceStatuses",
        key=itemgetter("InstanceId"),
        fields=_STATUS_FIELDS,
        pages=(5, 1000),
        supported=frozenset({"IncludeAllInstances", "InstanceIds"}),
        fixed={"IncludeManagedResources": False},
    ),
    describe(
        "DescribeInstanceCreditSpecifications",
        items=_credits,
        response="InstanceCreditSpecifications",
        key=itemgetter("InstanceId"),
        fields={"instance-id": "InstanceId"},
        pages=(5, 1000),
        supported=frozenset({"InstanceIds"}),
    ),
    Action(
        name="GetConsoleOutput",
        supported=frozenset({"InstanceId"}),
        without_effect=frozenset({"Latest"}),
        check=check_named,
        act=_console,
    ),
)
