"""DescribeInstances, and the four that change what an instance does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control.cloud import Cloud
from vmhost.ec2.actions.base import ACCOUNT, Action, Answer, Context, Params
from vmhost.ec2.actions.instance_answer import Catalogue, architecture, instance_answer, private_name
from vmhost.ec2.filters import Field, parse_filters
from vmhost.ec2.pages import PageRequest, paginate, parse_page
from vmhost.model.instance import Instance, StateChange

INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", re.ASCII)


def fields(catalogue: Catalogue) -> Mapping[str, Field[Instance]]:
    """What instances can be filtered by, besides their tags."""
    return {
        "architecture": lambda i: _given(architecture(i, catalogue)),
        "availability-zone": lambda i: [i.zone],
        "client-token": lambda i: _given(i.client_token),
        "host-id": lambda i: [i.host_id],
        "hypervisor": lambda i: ["xen"],
        "image-id": lambda i: [i.image_id],
        "instance-id": lambda i: [i.id],
        "instance-state-code": lambda i: [str(i.state.code)],
        "instance-state-name": lambda i: [i.state.value],
        "instance-type": lambda i: [i.type_name],
        "launch-index": lambda i: [str(i.launch_index)],
        "owner-id": lambda i: [ACCOUNT],
        "placement.availability-zone": lambda i: [i.zone],
        "private-dns-name": lambda i: _given(private_name(i.address)),
        "private-ip-address": lambda i: _given(i.address),
        "reservation-id": lambda i: [i.reservation_id],
        "state-reason-code": lambda i: _given(i.reason and i.reason.code),
        "tenancy": lambda i: ["default"],
    }


def _given(value: str | None) -> Iterable[str]:
    return (value,) if value else ()


def parse_ids(params: Params) -> tuple[str, ...]:
    """The request's InstanceIds, each once. Raises InvalidInput for what is no id."""
    ids = tuple(dict.fromkeys(params.get("InstanceIds", ())))
    for instance_id in ids:
        check_id(instance_id)
    return ids


def check_id(instance_id: str) -> None:
    """Raises InvalidInput for what is no id of an instance."""
    if not INSTANCE_ID.fullmatch(instance_id):
        raise InvalidInput(f'Invalid id: "{instance_id[:60]}"', code="InvalidInstanceID.Malformed")


def named(cloud: Cloud, ids: Sequence[str]) -> tuple[Instance, ...]:
    """The instances of these ids, or all. Raises NotFound naming those that do not exist."""
    known = {instance.id: instance for instance in cloud.instances()}
    missing = [instance_id for instance_id in ids if instance_id not in known]
    if missing:
        words = f"ID '{missing[0]}' does" if len(missing) == 1 else f"IDs '{', '.join(missing[:20])}' do"
        raise NotFound(f"The instance {words} not exist", code="InvalidInstanceID.NotFound")
    return tuple(known[instance_id] for instance_id in ids) if ids else tuple(known.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceQuery:
    """Which instances, and which page of them."""

    ids: tuple[str, ...]
    keep: Callable[[Instance], bool]
    page: PageRequest


def parse_query(context: Context, params: Params) -> InstanceQuery:
    """What describing instances has in common. Raises InvalidInput, NotFound."""
    ids = parse_ids(params)
    if ids and params.get("MaxResults") is not None:
        raise InvalidInput(
            "The parameter instancesSet cannot be used with the parameter maxResults",
            code="InvalidParameterCombination",
        )
    named(context.cloud, ids)
    keep = parse_filters(params, fields(Catalogue.of(context.cloud)), lambda instance: instance.tags)
    return InstanceQuery(ids=ids, keep=keep, page=parse_page(params, low=5, high=1000))


def _describe(context: Context, query: InstanceQuery) -> Answer:
    chosen = filter(query.keep, named(context.cloud, query.ids))
    page = paginate(chosen, query.page, lambda instance: instance.id)
    catalogue = Catalogue.of(context.cloud)
    reservations: dict[str, list[Answer]] = {}
    for instance in page.items:
        reservations.setdefault(instance.reservation_id, []).append(instance_answer(instance, catalogue))
    return {
        "Reservations": [
            {"ReservationId": reservation_id, "OwnerId": ACCOUNT, "Groups": [], "Instances": instances}
            for reservation_id, instances in reservations.items()
        ],
        "NextToken": page.next_token,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which instances to change, and how roughly."""

    ids: tuple[str, ...]
    force: bool


def _check_order(context: Context, params: Params) -> Order:
    ids = parse_ids(params)
    if not ids:
        raise InvalidInput("the request must contain the parameter InstanceId", code="MissingParameter")
    named(context.cloud, ids)
    return Order(ids=ids, force=params.get("Force", False))


async def _start(context: Context, order: Order) -> Answer:
    return {"StartingInstances": _changes(await context.cloud.start(order.ids))}


async def _stop(context: Context, order: Order) -> Answer:
    return {"StoppingInstances": _changes(await context.cloud.stop(order.ids, force=order.force))}


async def _terminate(context: Context, order: Order) -> Answer:
    return {"TerminatingInstances": _changes(await context.cloud.terminate(order.ids))}


async def _reboot(context: Context, order: Order) -> Answer:
    await context.cloud.reboot(order.ids)
    return {}


def _changes(changes: Iterable[StateChange]) -> list[Answer]:
    return [
        {
            "InstanceId": change.instance_id,
            "CurrentState": {"Code": change.current.code, "Name": change.current.value},
            "PreviousState": {"Code": change.previous.code, "Name": change.previous.value},
        }
        for change in changes
    ]


_IDS = frozenset({"InstanceIds"})

ACTIONS = (
    Action(
        name="DescribeInstances",
        takes=_IDS | {"Filters", "MaxResults", "NextToken"},
        fixed={"IncludeManagedResources": False},
        check=parse_query,
        act=_describe,
    ),
    Action(name="StartInstances", takes=_IDS, check=_check_order, act=_start),
    Action(
        name="StopInstances",
        takes=_IDS | {"Force"},
        fixed={"Hibernate": False},
        check=_check_order,
        act=_stop,
    ),
    Action(name="RebootInstances", takes=_IDS, check=_check_order, act=_reboot),
    Action(name="TerminateInstances", takes=_IDS, check=_check_order, act=_terminate),
)
