"""DescribeInstances, and the actions that start, stop, reboot and terminate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.cloud import Cloud
from vmhost.control.instances.lifecycle import InstanceEvent
from vmhost.control.instances.record import Instance, StateChange
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, check_count
from vmhost.ec2.actions.describe import Field, describe, item_tags
from vmhost.ec2.actions.instance_response import instance_response
from vmhost.model.region import ACCOUNT_ID

_MAX_CHANGED = 1000
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)


_FIELDS: Mapping[str, Field] = {
    "architecture": "Architecture",
    "availability-zone": "Placement.AvailabilityZone",
    "availability-zone-id": "Placement.AvailabilityZoneId",
    "capacity-reservation-specification.capacity-reservation-preference": (
        "CapacityReservationSpecification.CapacityReservationPreference"
    ),
    "client-token": "ClientToken",
    "dns-name": "PublicDnsName",
    "ebs-optimized": "EbsOptimized",
    "enclave-options.enabled": "EnclaveOptions.Enabled",
    "hibernation-options.configured": "HibernationOptions.Configured",
    "host-id": "Placement.HostId",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "instance-id": "InstanceId",
    "instance-state-code": "State.Code",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "key-name": "KeyName",
    "launch-index": "AmiLaunchIndex",
    "launch-time": "LaunchTime",
    "maintenance-options.auto-recovery": "MaintenanceOptions.AutoRecovery",
    "metadata-options.http-endpoint": "MetadataOptions.HttpEndpoint",
    "metadata-options.http-protocol-ipv6": "MetadataOptions.HttpProtocolIpv6",
    "metadata-options.http-put-response-hop-limit": "MetadataOptions.HttpPutResponseHopLimit",
    "metadata-options.http-tokens": "MetadataOptions.HttpTokens",
    "metadata-options.instance-metadata-tags": "MetadataOptions.InstanceMetadataTags",
    "metadata-options.state": "MetadataOptions.State",
    "monitoring-state": "Monitoring.State",
    "network-performance-options.bandwidth-weighting": "NetworkPerformanceOptions.BandwidthWeighting",
    "owner-id": "OwnerId",
    "placement-group-name": "Placement.GroupName",
    "platform-details": "PlatformDetails",
    "private-dns-name": "PrivateDnsName",
    "private-dns-name-options.enable-resource-name-dns-a-record": "PrivateDnsNameOptions.EnableResourceNameDnsARecord",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": (
        "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord"
    ),
    "private-dns-name-options.hostname-type": "PrivateDnsNameOptions.HostnameType",
    "private-ip-address": "PrivateIpAddress",
    "reason": "StateTransitionReason",
    "reservation-id": "ReservationId",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "tenancy": "Placement.Tenancy",
    "usage-operation": "UsageOperation",
    "virtualization-type": "VirtualizationType",
}


def parse_ids(params: Params) -> tuple[str, ...]:
    """Return the request's InstanceIds without duplicates. Raises InvalidInput for a malformed id."""
    ids = tuple(dict.fromkeys(params.get("InstanceIds", ())))
    for instance_id in ids:
        check_id(instance_id)
    return ids


def check_id(instance_id: str) -> None:
    """Raise InvalidInput for a malformed instance id."""
    if not INSTANCE_ID.fullmatch(instance_id):
        raise InvalidInput(f'Invalid id: "{instance_id[:60]}"', code="InvalidInstanceID.Malformed")


def find_instances(cloud: Cloud, ids: Sequence[str]) -> tuple[Instance, ...]:
    """Return the instances with these ids, or all. Raises NotFound naming those that do not exist."""
    known = {instance.id: instance for instance in cloud.instances.all()}
    missing = [instance_id for instance_id in ids if instance_id not in known]
    if missing:
        words = f"ID '{missing[0]}' does" if len(missing) == 1 else f"IDs '{', '.join(missing[:20])}' do"
        raise NotFound(f"The instance {words} not exist", code="InvalidInstanceID.NotFound")
    return tuple(known[instance_id] for instance_id in ids) if ids else tuple(known.values())


def check_named(context: Context, params: Params) -> str:
    """Return the request's InstanceId. Raises InvalidInput if it is malformed, NotFound if it does not exist."""
    instance_id: str = params["InstanceId"]
    check_id(instance_id)
    find_instances(context.cloud, (instance_id,))
    return instance_id


def chosen_instances(context: Context, params: Params) -> tuple[Instance, ...]:
    """Return the instances that a describing request names, or all. Raises InvalidInput, NotFound."""
    ids = parse_ids(params)
    if ids and params.get("MaxResults") is not None:
        raise InvalidInput(
            "The parameter instancesSet cannot be used with the parameter maxResults",
            code="InvalidParameterCombination",
        )
    return find_instances(context.cloud, ids)


def _instances(context: Context, params: Params) -> Iterator[ResponseData]:
    """Each instance with the members of its reservation that filters read."""
    return (
        {
            **instance_response(each, context.cloud.inventory),
            "ReservationId": each.reservation_id,
            "OwnerId": ACCOUNT_ID,
        }
        for each in chosen_instances(context, params)
    )


def _reservations(_: Params, items: list[ResponseData]) -> ResponseData:
    found: dict[str, list[ResponseData]] = {}
    for item in items:
        shown = {name: value for name, value in item.items() if name not in ("ReservationId", "OwnerId")}
        found.setdefault(item["ReservationId"], []).append(shown)
    return {
        "Reservations": [
            {"ReservationId": reservation_id, "OwnerId": ACCOUNT_ID, "Groups": [], "Instances": instances}
            for reservation_id, instances in found.items()
        ]
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceChange:
    """Which instances to change, and whether by force."""

    ids: tuple[str, ...]
    force: bool


def _check_change(context: Context, params: Params) -> InstanceChange:
    ids = parse_ids(params)
    if not ids:
        raise InvalidInput("No instances specified", code="InvalidParameterCombination")
    check_count(_MAX_CHANGED, "instance ids", ids)
    find_instances(context.cloud, ids)
    return InstanceChange(ids=ids, force=params.get("Force", False))


def _start(context: Context, change: InstanceChange) -> ResponseData:
    return {"StartingInstances": _changes(context.cloud.instances.start(change.ids))}


def _stop(context: Context, change: InstanceChange) -> ResponseData:
    return {"StoppingInstances": _changes(context.cloud.instances.stop(change.ids, force=change.force))}


def _terminate(context: Context, change: InstanceChange) -> ResponseData:
    return {"TerminatingInstances": _changes(context.cloud.instances.terminate(change.ids))}


def _reboot(context: Context, change: InstanceChange) -> ResponseData:
    context.cloud.instances.reboot(change.ids)
    return {}


def _changes(changes: Iterable[StateChange]) -> list[ResponseData]:
    return [
        {
            "InstanceId": change.instance_id,
            "CurrentState": {"Code": change.current.code, "Name": change.current.value},
            "PreviousState": {"Code": change.previous.code, "Name": change.previous.value},
        }
        for change in changes
    ]


_IDS = frozenset({"InstanceIds"})


def _dry_run(event: InstanceEvent) -> Callable[[Context, InstanceChange], None]:
    return lambda context, change: context.cloud.instances.check_request(change.ids, event)


ACTIONS = (
    describe(
        "DescribeInstances",
        items=_instances,
        response=_reservations,
        key=itemgetter("InstanceId"),
        fields=_FIELDS,
        tags=item_tags,
        pages=(5, 1000),
        supported=_IDS,
        fixed={"IncludeManagedResources": False},
    ),
    Action(
        name="StartInstances", supported=_IDS, check=_check_change, dry_run=_dry_run(InstanceEvent.START), act=_start
    ),
    Action(
        name="StopInstances",
        supported=_IDS | {"Force"},
        fixed={"Hibernate": False, "SkipOsShutdown": False},
        check=_check_change,
        dry_run=_dry_run(InstanceEvent.STOP),
        act=_stop,
    ),
    Action(
        name="RebootInstances", supported=_IDS, check=_check_change, dry_run=_dry_run(InstanceEvent.REBOOT), act=_reboot
    ),
    Action(
        name="TerminateInstances",
        supported=_IDS,
        fixed={"Force": False, "SkipOsShutdown": False},
        check=_check_change,
        dry_run=_dry_run(InstanceEvent.TERMINATE),
        act=_terminate,
    ),
)
