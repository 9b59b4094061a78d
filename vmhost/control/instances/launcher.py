"""RunInstances: from a request to placed, recorded instances whose tasks have begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vmhost.base.clock import Clock
from vmhost.base.errors import InvalidInput, NoCapacity
from vmhost.base.ids import Ids
from vmhost.control import tags
from vmhost.control.client_tokens import made_before, token_of
from vmhost.control.inventory import Inventory
from vmhost.control.placement import Room, Wish, place
from vmhost.control.records import Records
from vmhost.control.requests import LaunchRequest
from vmhost.control.templates.service import Templates
from vmhost.model.fleet import LaunchTemplateVersion
from vmhost.model.host import Host
from vmhost.model.instance import Instance, InstanceState, Wanted
from vmhost.model.instance_type import InstanceType

DEFAULT_TYPE = "t3.nano"
MAX_INSTANCES = 500
MAX_USER_DATA_BYTES = 16 * 1024
FLEET_TAG = "aws:ec2:fleet-id"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"
VERSION_TAG = "aws:ec2launchtemplate:version"

_ACTION = "RunInstances"
_ALIVE = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A request with its template read and everything checked."""

    image_id: str
    kind: InstanceType
    user_data: bytes
    tags: dict[str, str]
    template_id: str | None
    template_version: int | None


class Launcher:
    """Places and records new instances. Nothing in it waits, so two launches never place past each other."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        records: Records,
        templates: Templates,
        clock: Clock,
        ids: Ids,
        begin: Callable[[str], None],
    ) -> None:
        self._inventory = inventory
        self._records = records
        self._templates = templates
        self._clock = clock
        self._ids = ids
        self._begin = begin

    def run(self, request: LaunchRequest) -> tuple[Instance, ...]:
        """The reservation. Raises NoCapacity, with nothing launched, when not even `min_count` fit."""
        if before := made_before(self._records, _ACTION, request):
            return self._again(request, before)
        order = self._order(request)
        hosts = self._place(request, order.kind)
        instances = self._instances(request, order, hosts)
        token = token_of(_ACTION, request, [one.id for one in instances], self._clock.now())
        self._records.add(instances, *token)
        for instance in instances:
            self._begin(instance.id)
        return instances

    def check(self, request: LaunchRequest) -> InstanceType:
        """The type of the instances that `run` would launch now. Raises what it would raise; changes nothing."""
        if before := made_before(self._records, _ACTION, request):
            return self._inventory.kind(self._again(request, before)[0].type_name)
        order = self._order(request)
        self._place(request, order.kind)
        return order.kind

    def check_room(self, ids: Sequence[str]) -> None:
        """Raises NoCapacity unless all stopped ones of these instances fit on their hosts together; NotFound."""
        rooms = self._inventory.rooms(self._records.instances.values())
        for instance_id in dict.fromkeys(ids):
            instance = self._records.instance(instance_id)
            if instance.state is InstanceState.STOPPED:
                kind, wish = self._inventory.kind(instance.type_name), Wish(host_id=instance.host_id)
                host = place(kind, rooms, wish=wish, overcommit=self._inventory.overcommit)
                rooms = tuple(_filled(room, host, kind) for room in rooms)

    def _again(self, request: LaunchRequest, ids: Sequence[str]) -> tuple[Instance, ...]:
        found = tuple(self._records.instances[one] for one in ids if one in self._records.instances)
        if all(one.state is InstanceState.TERMINATED for one in found):
            raise InvalidInput(
                f"the client token {request.client_token} launched {', '.join(ids[:5])}, which is terminated; use a "
                "new token for a new launch",
                code="IdempotentInstanceTerminated",
            )
        return found

    def _order(self, request: LaunchRequest) -> _Order:
        _check(request, alive=sum(one.state in _ALIVE for one in self._records.instances.values()))
        template, version = None, LaunchTemplateVersion(number=0, created_at=0)
        if request.template is not None:
            template, version = self._templates.version(request.template, request.template_version)
        image_id = request.image_id or version.image_id
        if image_id is None:
            raise InvalidInput("the launch names no image; expected an ImageId", code="MissingParameter")
        reserved = {TEMPLATE_TAG: template.id, VERSION_TAG: str(version.number)} if template else {}
        if request.fleet_id:
            reserved[FLEET_TAG] = request.fleet_id
        data = request.user_data if request.user_data is not None else version.user_data
        return _Order(
            image_id=self._inventory.image(image_id).id,
            kind=self._inventory.kind(request.type_name or version.type_name or DEFAULT_TYPE),
            user_data=data or b"",
            tags={**tags.merged(version.tags, request.tags), **reserved},
            template_id=template.id if template else None,
            template_version=version.number if template else None,
        )

    def _place(self, request: LaunchRequest, kind: InstanceType) -> list[Host]:
        rooms = list(self._inventory.rooms(self._records.instances.values()))
        wish = Wish(zone=request.zone, host_id=request.host_id)
        peers = self._peers(request)
        hosts: list[Host] = []
        while len(hosts) < request.max_count:
            try:
                host = place(kind, rooms, wish=wish, peers=peers, overcommit=self._inventory.overcommit)
            except NoCapacity:
                if len(hosts) < request.min_count:
                    raise
                break
            hosts.append(host)
            peers[host.id] += 1
            rooms = [_filled(room, host, kind) for room in rooms]
        return hosts

    def _peers(self, request: LaunchRequest) -> Counter[str]:
        return Counter(
            one.host_id
            for one in self._records.instances.values()
            if one.state in (InstanceState.PENDING, InstanceState.RUNNING)
            and (
                (request.fleet_id is not None and one.fleet_id == request.fleet_id)
                or (request.spread_key is not None and one.spread_key == request.spread_key)
            )
        )

    def _instances(self, request: LaunchRequest, order: _Order, hosts: list[Host]) -> tuple[Instance, ...]:
        now, reservation = self._clock.now(), self._ids.new("r")
        return tuple(
            Instance(
                id=self._ids.new("i"),
                reservation_id=reservation,
                launch_index=index,
                image_id=order.image_id,
                type_name=order.kind.name,
                host_id=host.id,
                zone=host.zone,
                wanted=Wanted.RUNNING,
                state=InstanceState.PENDING,
                generation=1,
                launched_at=now,
                changed_at=now,
                user_data=order.user_data,
                tags=order.tags,
                client_token=request.client_token,
                shutdown_behavior=request.shutdown_behavior,
                fleet_id=request.fleet_id,
                template_id=order.template_id,
                template_version=order.template_version,
                spread_key=request.spread_key,
            )
            for index, host in enumerate(hosts)
        )


def _filled(room: Room, host: Host, kind: InstanceType) -> Room:
    return room.with_one(kind) if room.host.id == host.id else room


def _check(request: LaunchRequest, *, alive: int) -> None:
    if not 1 <= request.min_count <= request.max_count:
        raise InvalidInput(
            f"minCount {request.min_count} and maxCount {request.max_count} are not possible; "
            "expected 1 <= minCount <= maxCount"
        )
    if alive + request.max_count > MAX_INSTANCES:
        message = (
            f"{alive} instances exist and {request.max_count} more are asked for; expected at most {MAX_INSTANCES}"
        )
        raise InvalidInput(message, code="InstanceLimitExceeded")
    if request.user_data and len(request.user_data) > MAX_USER_DATA_BYTES:
        size = len(request.user_data)
        raise InvalidInput(f"User data is limited to {MAX_USER_DATA_BYTES} bytes; this one has {size}")
    if request.shutdown_behavior not in ("stop", "terminate"):
        raise InvalidInput(f"shutdown behavior {request.shutdown_behavior!r} is not known; expected stop or terminate")
    tags.check(request.tags)
