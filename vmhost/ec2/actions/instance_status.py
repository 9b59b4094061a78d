"""DescribeInstanceStatus: what the driver last saw of each instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vmhost.control.instances.record import Instance, InstanceState
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count, utc_datetime
from vmhost.ec2.actions.instance_response import is_orderly, state, zone_id
from vmhost.ec2.actions.instances import InstanceQuery, find_instances, parse_query
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pagination import paginate

_FIELDS: Mapping[str, Field] = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "instance-state-code": "InstanceState.Code",
    "instance-state-name": "InstanceState.Name",
    "instance-status.reachability": "InstanceStatus.Details.Status",
    "instance-status.status": "InstanceStatus.Status",
    "system-status.reachability": "SystemStatus.Details.Status",
    "system-status.status": "SystemStatus.Status",
}
_MAX_IDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """Which instances, and whether also those that are not running."""

    instances: InstanceQuery
    all_states: bool


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


def _check(context: Context, params: Params) -> StatusQuery:
    check_count(_MAX_IDS, "instance ids", params.get("InstanceIds", ()))
    query = parse_query(context, params, parse_filters(params, _FIELDS))
    return StatusQuery(instances=query, all_states=params.get("IncludeAllInstances", False))


def _act(context: Context, query: StatusQuery) -> ResponseData:
    chosen: Iterable[Instance] = find_instances(context.cloud, query.instances.ids)
    if not query.all_states:
        chosen = (instance for instance in chosen if instance.api_state is InstanceState.RUNNING)
    shown = filter(query.instances.keep, map(_response, chosen))
    page = paginate(shown, query.instances.page, lambda status: status["InstanceId"])
    return {"InstanceStatuses": list(page.items), "NextToken": page.next_token}


def _response(instance: Instance) -> ResponseData:
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


ACTIONS = (
    Action(
        name="DescribeInstanceStatus",
        supported=frozenset({"Filters", "IncludeAllInstances", "InstanceIds", "MaxResults", "NextToken"}),
        fixed={"IncludeManagedResources": False},
        check=_check,
        act=_act,
    ),
)
