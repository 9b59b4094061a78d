"""DescribeInstanceStatus: checks that say what was seen, not what was hoped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vmhost.control.instances.record import Instance, InstanceState
from vmhost.ec2.actions.base import Action, Answer, Context, Params, at_most, moment
from vmhost.ec2.actions.instance_answer import orderly, state, zone_id
from vmhost.ec2.actions.instances import InstanceQuery, named, parse_query
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pages import paginate

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
    """Which instances; those that do not run only when asked for."""

    instances: InstanceQuery
    all_states: bool


def verdict(instance: Instance) -> str:
    """EC2's word for what the driver last saw: ok while it can answer, impaired when it cannot or died by itself."""
    if instance.state is InstanceState.RUNNING:
        return "impaired" if instance.impaired else "ok"
    if instance.state is InstanceState.PENDING:
        return "initializing"
    died = instance.reason is not None and not orderly(instance.reason)
    return "impaired" if died and instance.state is not InstanceState.TERMINATED else "not-applicable"


def system_verdict(instance: Instance) -> str:
    """The same for what is under the instance: its program's death is no fault of the host."""
    own = verdict(instance)
    return "ok" if own == "impaired" else own


def _check(context: Context, params: Params) -> StatusQuery:
    at_most(_MAX_IDS, "instance ids", params.get("InstanceIds", ()))
    query = parse_query(context, params, parse_filters(params, _FIELDS))
    return StatusQuery(instances=query, all_states=params.get("IncludeAllInstances", False))


def _act(context: Context, query: StatusQuery) -> Answer:
    chosen: Iterable[Instance] = named(context.cloud, query.instances.ids)
    if not query.all_states:
        chosen = (instance for instance in chosen if instance.state is InstanceState.RUNNING)
    shown = filter(query.instances.keep, map(_answer, chosen))
    page = paginate(shown, query.instances.page, lambda status: status["InstanceId"])
    return {"InstanceStatuses": list(page.items), "NextToken": page.next_token}


def _answer(instance: Instance) -> Answer:
    return {
        "AvailabilityZone": instance.zone,
        "AvailabilityZoneId": zone_id(instance.zone),
        "Events": [],
        "InstanceId": instance.id,
        "InstanceState": state(instance),
        "InstanceStatus": _summary(instance, verdict(instance)),
        "SystemStatus": _summary(instance, system_verdict(instance)),
    }


def _summary(instance: Instance, status: str) -> Answer:
    if status == "not-applicable":
        return {"Status": status}
    passed = {"ok": "passed", "initializing": "initializing", "impaired": "failed"}[status]
    since = moment(instance.impaired_at or instance.changed_at) if status == "impaired" else None
    return {"Status": status, "Details": [{"Name": "reachability", "Status": passed, "ImpairedSince": since}]}


ACTIONS = (
    Action(
        name="DescribeInstanceStatus",
        takes=frozenset({"Filters", "IncludeAllInstances", "InstanceIds", "MaxResults", "NextToken"}),
        fixed={"IncludeManagedResources": False},
        check=_check,
        act=_act,
    ),
)
