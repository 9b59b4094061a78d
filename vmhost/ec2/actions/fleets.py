"""Fleets: each keeps a number of instances running."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from vmhost.base.errors import CloudError, InvalidInput, Unsupported
from vmhost.control.fleets.record import Fleet, FleetOverride, FleetState
from vmhost.control.fleets.service import FleetRequest
from vmhost.control.instances.record import InstanceState
from vmhost.ec2.actions.action import (
    DEPENDS,
    Action,
    Context,
    Params,
    ResponseData,
    check_count,
    check_fixed,
    tag_list,
    tags_for_resource,
    utc_datetime,
)
from vmhost.ec2.actions.describe import Field, describe
from vmhost.ec2.actions.run_instances import template_of

_ID = re.compile(r"fleet-[0-9a-f-]{8,36}", re.ASCII)
_EXCESS = {"termination": False, "no-termination": True}
_MAX_DELETED = 100
_NO_BOUNDS = {"MinTargetCapacity": 0, "SingleAvailabilityZone": False, "SingleInstanceType": False}
_LOWEST_PRICE = frozenset({"lowest-price", "lowestPrice"})
"""EC2 documents the first spelling, returns the second and accepts both."""
_ON_DEMAND = {"AllocationStrategy": _LOWEST_PRICE, **_NO_BOUNDS}
_SPOT = {
    "AllocationStrategy": _LOWEST_PRICE,
    "InstanceInterruptionBehavior": "terminate",
    "InstancePoolsToUseCount": 1,
    **_NO_BOUNDS,
}
"""EC2's defaults. There are no Spot Instances here, so other values are not supported."""
_CAPACITY = {
    "DefaultTargetCapacityType": "on-demand",
    "OnDemandTargetCapacity": DEPENDS,
    "SpotTargetCapacity": 0,
    "TargetCapacityUnitType": "units",
}
_SHOWN_STRATEGY = {"AllocationStrategy": "lowestPrice"}
_SHOWN_SPOT = {**_SHOWN_STRATEGY, "InstanceInterruptionBehavior": "terminate", "InstancePoolsToUseCount": 1}
_TAGGED_BY_TEMPLATE = frozenset({"instance", "network-interface", "volume"})
_HEALTHY = frozenset({InstanceState.PENDING, InstanceState.RUNNING})


def _both_spellings(member: str) -> Callable[[ResponseData], Iterator[str]]:
    """Match both spellings: EC2 uses _ in responses and documents - for filters."""

    def values(fleet: ResponseData) -> Iterator[str]:
        if text := fleet.get(member):
            yield from {text, text.replace("_", "-")}

    return values


_FIELDS: Mapping[str, Field] = {
    "activity-status": _both_spellings("ActivityStatus"),
    "excess-capacity-termination-policy": "ExcessCapacityTerminationPolicy",
    "fleet-state": _both_spellings("FleetState"),
    "replace-unhealthy-instances": "ReplaceUnhealthyInstances",
    "type": "Type",
}


def _check_create(context: Context, params: Params) -> FleetRequest:
    configs = params["LaunchTemplateConfigs"]
    if not configs:
        raise InvalidInput("the request must contain the parameter LaunchTemplateConfigs", code="MissingParameter")
    if len(configs) != 1:
        raise Unsupported(f"CreateFleet supports one LaunchTemplateConfig here; the request has {len(configs)}")
    template, version = template_of(configs[0].get("LaunchTemplateSpecification", {}))
    return FleetRequest(
        template=template,
        template_version=version,
        target=_target(params["TargetCapacitySpecification"]),
        type=params.get("Type", "maintain"),
        overrides=tuple(
            FleetOverride(type_name=override.get("InstanceType"), zone=override.get("AvailabilityZone"))
            for override in configs[0].get("Overrides", ())
        ),
        tags=_tags(params),
        keep_excess=_keep_excess(params) or False,
        client_token=params.get("ClientToken") or None,
        replace_unhealthy=params.get("ReplaceUnhealthyInstances", False),
    )


def _tags(params: Params) -> dict[str, str]:
    """Return the fleet's tags. As documented, only the launch template of a `maintain` fleet can tag its instances."""
    kinds = [specification.get("ResourceType") for specification in params.get("TagSpecifications", ())]
    if refused := next((kind for kind in kinds if kind in _TAGGED_BY_TEMPLATE), None):
        raise InvalidInput(
            f"TagSpecifications of a maintain fleet cannot tag {refused}; put these tags in the launch template"
        )
    return tags_for_resource(params, "fleet")


def _target(capacity: Params) -> int:
    total: int = capacity["TotalTargetCapacity"]
    check_fixed(
        "TargetCapacitySpecification", "OnDemandTargetCapacity", capacity.get("OnDemandTargetCapacity", total), total
    )
    return total


def _keep_excess(params: Params) -> bool | None:
    policy = params.get("ExcessCapacityTerminationPolicy")
    if policy is not None and policy not in _EXCESS:
        raise InvalidInput(f"invalid ExcessCapacityTerminationPolicy '{policy}'; use {' or '.join(_EXCESS)}")
    return None if policy is None else _EXCESS[policy]


def _create(context: Context, request: FleetRequest) -> ResponseData:
    fleet = context.cloud.fleets.create(request)
    return {"FleetId": fleet.id, "Errors": [], "Instances": []}


def _known(context: Context, fleet_id: str) -> Fleet:
    if not _ID.fullmatch(fleet_id):
        raise InvalidInput(f'Invalid id: "{fleet_id[:60]}"', code="InvalidFleetId.Malformed")
    return context.cloud.fleets.get(fleet_id)


def _fleets(context: Context, params: Params) -> Iterator[ResponseData]:
    ids = {_known(context, fleet_id).id for fleet_id in params.get("FleetIds", ())}
    return (_response(context, fleet) for fleet in context.cloud.fleets.all() if not ids or fleet.id in ids)


def _response(context: Context, fleet: Fleet) -> ResponseData:
    fulfilled = float(len([i for i in context.cloud.fleets.members(fleet.id) if i.api_state in _HEALTHY]))
    error = context.cloud.fleets.launch_error(fleet.id)
    specification = {"LaunchTemplateId": fleet.template_id, "Version": str(fleet.template_version)}
    overrides = [{"InstanceType": o.type_name, "AvailabilityZone": o.zone} for o in fleet.overrides]
    return {
        "ActivityStatus": _activity(fleet, fulfilled, error),
        "CreateTime": utc_datetime(fleet.created_at),
        "FleetId": fleet.id,
        "FleetState": fleet.state.value,
        "ClientToken": fleet.client_token or "",
        "ExcessCapacityTerminationPolicy": "no-termination" if fleet.keep_excess else "termination",
        "FulfilledCapacity": fulfilled,
        "FulfilledOnDemandCapacity": fulfilled,
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": specification, "Overrides": overrides}],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": fleet.target,
            "OnDemandTargetCapacity": fleet.target,
            "SpotTargetCapacity": 0,
            "DefaultTargetCapacityType": "on-demand",
        },
        "TerminateInstancesWithExpiration": False,
        "Type": fleet.type,
        "ReplaceUnhealthyInstances": fleet.replace_unhealthy,
        "SpotOptions": _SHOWN_SPOT,
        "OnDemandOptions": _SHOWN_STRATEGY,
        "Tags": tag_list(fleet.tags),
        "Errors": [_error(error)] if error else [],
        "Instances": [],
    }


def _activity(fleet: Fleet, fulfilled: float, error: str) -> str | None:
    if fleet.state not in (FleetState.ACTIVE, FleetState.MODIFYING, FleetState.SUBMITTED):
        return None
    if fulfilled >= fleet.target:
        return "fulfilled"
    return "error" if error else "pending_fulfillment"


def _error(error: str) -> ResponseData:
    return {"Lifecycle": "on-demand", "ErrorCode": "UnfulfillableCapacity", "ErrorMessage": error}


def _members(context: Context, params: Params) -> Iterator[ResponseData]:
    fleet = _known(context, params["FleetId"])
    return (
        {"InstanceId": instance.id, "InstanceType": instance.type_name, "InstanceHealth": "healthy"}
        for instance in context.cloud.fleets.members(fleet.id)
        if instance.api_state in _HEALTHY
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChange:
    """What to change in a fleet; None keeps it."""

    fleet_id: str
    target: int | None
    keep_excess: bool | None


def _check_modify(context: Context, params: Params) -> FleetChange:
    capacity = params.get("TargetCapacitySpecification")
    return FleetChange(
        fleet_id=_known(context, params["FleetId"]).id,
        target=None if capacity is None else _target(capacity),
        keep_excess=_keep_excess(params),
    )


def _modify(context: Context, change: FleetChange) -> ResponseData:
    context.cloud.fleets.modify(change.fleet_id, target=change.target, keep_excess=change.keep_excess)
    return {"Return": True}


def _check_delete(_: Context, params: Params) -> tuple[tuple[str, ...], bool]:
    """Return the ids of the fleets to delete, and whether to terminate their instances."""
    ids = tuple(dict.fromkeys(params["FleetIds"]))
    if not ids:
        raise InvalidInput("the request must contain the parameter FleetId", code="MissingParameter")
    check_count(_MAX_DELETED, "fleet ids", ids)
    return ids, params["TerminateInstances"]


def _delete(context: Context, deletion: tuple[tuple[str, ...], bool]) -> ResponseData:
    ids, terminate = deletion
    done: list[ResponseData] = []
    refused: list[ResponseData] = []
    for fleet_id in ids:
        try:
            before = _known(context, fleet_id).state
            context.cloud.fleets.delete((fleet_id,), terminate_instances=terminate)
        except CloudError as error:
            refused.append({"FleetId": fleet_id, "Error": {"Code": _deletion_code(error), "Message": error.message}})
            continue
        states = {"PreviousFleetState": before.value, "CurrentFleetState": _known(context, fleet_id).state.value}
        done.append({"FleetId": fleet_id, **states})
    return {"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": refused}


def _deletion_code(error: CloudError) -> str:
    known = {"InvalidFleetId.NotFound": "fleetIdDoesNotExist", "InvalidFleetId.Malformed": "fleetIdMalformed"}
    fallback = "fleetNotInDeletableState" if error.kind == "conflict" else "unexpectedError"
    return known.get(error.code, fallback)


ACTIONS = (
    Action(
        name="CreateFleet",
        supported=frozenset(
            {
                "ClientToken",
                "ExcessCapacityTerminationPolicy",
                "LaunchTemplateConfigs.LaunchTemplateSpecification.LaunchTemplateId",
                "LaunchTemplateConfigs.LaunchTemplateSpecification.LaunchTemplateName",
                "LaunchTemplateConfigs.LaunchTemplateSpecification.Version",
                "LaunchTemplateConfigs.Overrides.AvailabilityZone",
                "LaunchTemplateConfigs.Overrides.InstanceType",
                "ReplaceUnhealthyInstances",
                "TagSpecifications",
                "TargetCapacitySpecification.TotalTargetCapacity",
                "Type",
            }
        ),
        fixed={
            "LaunchTemplateConfigs": {"Overrides": {"WeightedCapacity": 1.0}},
            "OnDemandOptions": _ON_DEMAND,
            "SpotOptions": _SPOT,
            "TargetCapacitySpecification": _CAPACITY,
            "TerminateInstancesWithExpiration": False,
        },
        check=_check_create,
        dry_run=lambda context, request: context.cloud.fleets.check_create(request),
        act=_create,
    ),
    describe(
        "DescribeFleets",
        items=_fleets,
        response="Fleets",
        key=itemgetter("FleetId"),
        fields=_FIELDS,
        supported=frozenset({"FleetIds"}),
    ),
    describe(
        "DescribeFleetInstances",
        items=_members,
        response=lambda params, items: {"ActiveInstances": items, "FleetId": params["FleetId"]},
        key=itemgetter("InstanceId"),
        fields={"instance-type": "InstanceType"},
        supported=frozenset({"FleetId"}),
    ),
    Action(
        name="ModifyFleet",
        supported=frozenset({"ExcessCapacityTerminationPolicy", "FleetId"})
        | {"TargetCapacitySpecification.TotalTargetCapacity"},
        fixed={"TargetCapacitySpecification": _CAPACITY},
        check=_check_modify,
        dry_run=lambda context, change: context.cloud.fleets.check_modify(change.fleet_id, change.target),
        act=_modify,
    ),
    Action(
        name="DeleteFleets",
        supported=frozenset({"FleetIds", "TerminateInstances"}),
        check=_check_delete,
        act=_delete,
    ),
)
