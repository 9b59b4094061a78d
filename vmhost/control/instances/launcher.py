"""RunInstances: from a request to placed and recorded instances whose tasks have started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmhost.api import FLEET_TAG
from vmhost.base.errors import InvalidInput, NoCapacity
from vmhost.control import tags
from vmhost.control.client_tokens import CLIENT_TOKENS, created_before, token_of
from vmhost.control.instances.attributes import check_shutdown_behavior, check_user_data
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.record import INSTANCES, MAX_INSTANCES, Instance, InstanceState, Wanted
from vmhost.control.key_pairs.record import KeyPair
from vmhost.control.key_pairs.service import KeyPairService
from vmhost.control.placement import HostRoom, PlacementConstraint, place
from vmhost.control.service_context import ServiceContext
from vmhost.control.templates.record import LaunchTemplateVersion
from vmhost.control.templates.service import TemplateService
from vmhost.model.host import Host
from vmhost.model.image import Image
from vmhost.model.instance_type import InstanceType

DEFAULT_TYPE = "t3.nano"
TEMPLATE_TAG = "aws:ec2launchtemplate:id"
VERSION_TAG = "aws:ec2launchtemplate:version"

_ACTION = "RunInstances"
_COUNTED = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """RunInstances: launch between `min_count` and `max_count` instances, or none.

    What is None is taken from the template, if it is there."""

    image_id: str | None = None
    type_name: str | None = None
    min_count: int = 1
    max_count: int = 1
    client_token: str | None = None
    """The same request with the same token returns the same reservation again."""
    tags: Mapping[str, str] = field(default_factory=dict)
    user_data: bytes | None = None
    key_name: str | None = None
    zone: str | None = None
    host_id: str | None = None
    fleet_id: str | None = None
    """Set only by fleets."""
    spread_key: str | None = None
    """Instances with the same key are placed on different hosts if there is room."""
    template: str | None = None
    """Id or name of a template."""
    template_version: str | None = None
    """A number, "$Default" (also None) or "$Latest"."""
    shutdown_behavior: str = "stop"
    """What happens when the program ends by itself with exit code 0: "stop" or "terminate"."""
    termination_protected: bool = False
    stop_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _LaunchPlan:
    """A request that was checked, together with its template."""

    image: Image
    itype: InstanceType
    user_data: bytes
    key: KeyPair | None
    tags: dict[str, str]
    template_id: str | None
    template_version: int | None


class Launcher:
    """Places and records new instances. Nothing in it awaits, so two launches never take the same room."""

    def __init__(
        self,
        context: ServiceContext,
        templates: TemplateService,
        key_pairs: KeyPairService,
        controller: InstanceController,
    ) -> None:
        self._context = context
        self._inventory = context.inventory
        self._instances = context.resources.table(INSTANCES)
        self._tokens = context.resources.table(CLIENT_TOKENS)
        self._templates = templates
        self._key_pairs = key_pairs
        self._controller = controller

    def run(self, request: LaunchRequest) -> tuple[Instance, ...]:
        """Launch the instances and return them, pending. Raises InvalidInput, NotFound, or NoCapacity if fewer than
        `min_count` fit; then nothing is launched."""
        if created := created_before(self._tokens, _ACTION, request):
            return self._earlier(request, created)
        plan = self._plan(request)
        instances = self._records(request, plan, self._place(request, plan))
        token = token_of(_ACTION, request, [each.id for each in instances], self._context.clock.now())
        self._context.resources.commit((*instances, *token))
        for instance in instances:
            self._controller.add(instance.id)
        return instances

    def check(self, request: LaunchRequest) -> InstanceType:
        """Return the type of the instances that `run` would launch now. Raises what it would raise."""
        if created := created_before(self._tokens, _ACTION, request):
            return self._inventory.type_named(self._earlier(request, created)[0].type_name)
        plan = self._plan(request)
        self._place(request, plan)
        return plan.itype

    def check_room(self, ids: Sequence[str]) -> None:
        """Raise NoCapacity unless all stopped ones of these instances fit on their hosts together; NotFound."""
        rooms = self._inventory.rooms(self._instances)
        for instance_id in dict.fromkeys(ids):
            instance = self._instances.get(instance_id)
            if instance.state is InstanceState.STOPPED:
                itype = self._inventory.type_named(instance.type_name)
                constraint = PlacementConstraint(host_id=instance.host_id)
                host = place(itype, rooms, constraint=constraint, overcommit=self._inventory.overcommit)
                rooms = tuple(_with_one(room, host, itype) for room in rooms)

    def check_resize(self, instance: Instance, itype: InstanceType) -> None:
        """Raise NoCapacity unless the instance would fit on its host with this type."""
        rooms = self._inventory.rooms(each for each in self._instances if each.id != instance.id)
        constraint = PlacementConstraint(host_id=instance.host_id)
        place(itype, rooms, constraint=constraint, overcommit=self._inventory.overcommit)

    def _earlier(self, request: LaunchRequest, ids: Sequence[str]) -> tuple[Instance, ...]:
        found = tuple(instance for each in ids if (instance := self._instances.find(each)))
        if all(each.state is InstanceState.TERMINATED for each in found):
            raise InvalidInput(
                f"the client token {request.client_token} launched {', '.join(ids[:5])}, which is terminated; use a "
                "new token for a new launch",
                code="IdempotentInstanceTerminated",
            )
        return found

    def _plan(self, request: LaunchRequest) -> _LaunchPlan:
        _check(request, existing=sum(each.api_state in _COUNTED for each in self._instances))
        template, version = None, LaunchTemplateVersion(number=0, created_at=0)
        if request.template is not None:
            template, version = self._templates.version(request.template, request.template_version)
        image_id = request.image_id or version.image_id
        if image_id is None:
            raise InvalidInput("an image is required: give an ImageId", code="MissingParameter")
        reserved = {TEMPLATE_TAG: template.id, VERSION_TAG: str(version.number)} if template else {}
        if request.fleet_id:
            reserved[FLEET_TAG] = request.fleet_id
        key_name = request.key_name or version.key_name
        data = request.user_data if request.user_data is not None else version.user_data
        return _LaunchPlan(
            image=self._inventory.image(image_id),
            itype=self._inventory.type_named(request.type_name or version.type_name or DEFAULT_TYPE),
            user_data=data or b"",
            key=self._key_pairs.named(key_name) if key_name else None,
            tags={**tags.merged(version.tags, request.tags), **reserved},
            template_id=template.id if template else None,
            template_version=version.number if template else None,
        )

    def _place(self, request: LaunchRequest, plan: _LaunchPlan) -> list[Host]:
        rooms, itype = self._inventory.rooms(self._instances), plan.itype
        constraint = PlacementConstraint(zone=request.zone, host_id=request.host_id, image=plan.image)
        peers = self._peers(request)
        hosts: list[Host] = []
        while len(hosts) < request.max_count:
            try:
                host = place(itype, rooms, constraint=constraint, peers=peers, overcommit=self._inventory.overcommit)
            except NoCapacity:
                if len(hosts) < request.min_count:
                    raise
                break
            hosts.append(host)
            peers[host.id] += 1
            rooms = tuple(_with_one(room, host, itype) for room in rooms)
        return hosts

    def _peers(self, request: LaunchRequest) -> Counter[str]:
        return Counter(
            each.host_id
            for each in self._instances
            if each.api_state in (InstanceState.PENDING, InstanceState.RUNNING)
            and (
                (request.fleet_id is not None and each.fleet_id == request.fleet_id)
                or (request.spread_key is not None and each.spread_key == request.spread_key)
            )
        )

    def _records(self, request: LaunchRequest, plan: _LaunchPlan, hosts: list[Host]) -> tuple[Instance, ...]:
        now, reservation = self._context.clock.now(), self._context.ids.new("r")
        return tuple(
            Instance(
                id=self._context.ids.new(INSTANCES.prefix),
                reservation_id=reservation,
                launch_index=index,
                image_id=plan.image.id,
                type_name=plan.itype.name,
                host_id=host.id,
                zone=host.zone,
                driver=host.driver,
                wanted=Wanted.RUNNING,
                state=InstanceState.PENDING,
                generation=1,
                launched_at=now,
                changed_at=now,
                user_data=plan.user_data,
                key_name=plan.key.name if plan.key else None,
                public_key=plan.key.public_key if plan.key else "",
                tags=plan.tags,
                client_token=request.client_token,
                shutdown_behavior=request.shutdown_behavior,
                termination_protected=request.termination_protected,
                stop_protected=request.stop_protected,
                fleet_id=request.fleet_id,
                template_id=plan.template_id,
                template_version=plan.template_version,
                spread_key=request.spread_key,
            )
            for index, host in enumerate(hosts)
        )


def _with_one(room: HostRoom, host: Host, itype: InstanceType) -> HostRoom:
    return room.with_one(itype) if room.host.id == host.id else room


def _check(request: LaunchRequest, *, existing: int) -> None:
    if not 1 <= request.min_count <= request.max_count:
        raise InvalidInput(
            f"MinCount {request.min_count} and MaxCount {request.max_count} are invalid: 1 <= MinCount <= MaxCount is "
            "required"
        )
    if existing + request.max_count > MAX_INSTANCES:
        raise InvalidInput(
            f"{existing} instances exist; {request.max_count} more would exceed the limit of {MAX_INSTANCES}",
            code="InstanceLimitExceeded",
        )
    check_user_data(request.user_data or b"")
    check_shutdown_behavior(request.shutdown_behavior)
    tags.check(request.tags)
