"""The requests about fleets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmhost.base.errors import CloudError, Unsupported
from vmhost.control import tags
from vmhost.control.admission import Admission
from vmhost.control.call_log import CallLog
from vmhost.control.client_tokens import CLIENT_TOKENS, created_before, token_of
from vmhost.control.fleets.decide import admit_change, admit_deletion, check_target, members
from vmhost.control.fleets.reconciler import FleetReconciler
from vmhost.control.fleets.record import FLEETS, Fleet, FleetOverride, FleetState
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import DEFAULT_TYPE, Launcher
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState
from vmhost.control.service_context import ServiceContext
from vmhost.control.templates.service import TemplateService

_ACTION = "CreateFleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """CreateFleet: keep `target` instances of a template running."""

    template: str
    """Id or name of a template."""
    template_version: str | None = None
    target: int
    type: str = "maintain"
    overrides: tuple[FleetOverride, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the fleet itself."""
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the instances that it launches, in addition to those of the template."""
    keep_excess: bool = False
    """After the target was reduced: False terminates the excess, True lets it run."""
    replace_unhealthy: bool = False
    """Whether running instances that fail their status checks are replaced."""
    client_token: str | None = None


class FleetService:
    """The fleets of one cloud and their tasks."""

    def __init__(
        self,
        context: ServiceContext,
        templates: TemplateService,
        launcher: Launcher,
        controller: InstanceController,
        calls: CallLog,
    ) -> None:
        self._context = context
        self._table = context.resources.table(FLEETS)
        self._instances = context.resources.table(INSTANCES)
        self._tokens = context.resources.table(CLIENT_TOKENS)
        self._templates = templates
        self._launcher = launcher
        self._controller = controller
        self._calls = calls
        self._reconcilers: dict[str, FleetReconciler] = {}
        self._instances.listen(self._on_change)

    def open(self) -> None:
        """Start the task of every fleet that is not deleted."""
        for fleet in self._table:
            if fleet.state is not FleetState.DELETED:
                self._start_task(fleet.id)

    def all(self) -> tuple[Fleet, ...]:
        """Return every fleet, including those deleted recently."""
        return self._table.all()

    def get(self, fleet_id: str) -> Fleet:
        """Return one fleet. Raises NotFound."""
        return self._table.get(fleet_id)

    def members(self, fleet_id: str) -> tuple[Instance, ...]:
        """Return the fleet's instances that are not terminated, oldest first. Raises NotFound."""
        return members(self._instances, self._table.get(fleet_id).id)

    def launch_error(self, fleet_id: str) -> str:
        """Return why the fleet's last launch failed; empty if it succeeded."""
        reconciler = self._reconcilers.get(fleet_id)
        return reconciler.error if reconciler else ""

    def create(self, request: FleetRequest) -> Fleet:
        """Create a fleet and start its task. Raises InvalidInput, NotFound or Unsupported."""
        if earlier := self._earlier(request):
            return earlier
        fleet = self._fleet(request)
        self._context.resources.commit((fleet, *token_of(_ACTION, request, [fleet.id], fleet.created_at)))
        self._start_task(fleet.id)
        return fleet

    def check_create(self, request: FleetRequest) -> None:
        """Raise what `create` would raise now; change nothing."""
        if not self._earlier(request):
            self._fleet(request)

    def modify(self, fleet_id: str, *, target: int | None = None, keep_excess: bool | None = None) -> Fleet:
        """Change the target. Raises NotFound, InvalidInput, or Conflict for a deleted fleet."""
        admission = admit_change(self._table.get(fleet_id), target=target, keep_excess=keep_excess)
        return self._apply({fleet_id: admission})[0]

    def check_modify(self, fleet_id: str, target: int | None) -> None:
        """Raise what `modify` would raise now; change nothing."""
        admit_change(self._table.get(fleet_id), target=target).required()

    def delete(self, ids: Sequence[str], *, terminate_instances: bool) -> tuple[Fleet, ...]:
        """Delete all of the fleets, with or without their instances. Raises NotFound or Conflict; then none."""
        fleets = [self._table.get(fleet_id) for fleet_id in dict.fromkeys(ids)]
        return self._apply({each.id: admit_deletion(each, terminate_instances=terminate_instances) for each in fleets})

    def _apply(self, admissions: Mapping[str, Admission]) -> tuple[Fleet, ...]:
        """Record all changes in one transaction, or raise the first refusal; then let the fleets' tasks act."""
        changes = {fleet_id: admission.required() for fleet_id, admission in admissions.items()}
        self._context.resources.commit(
            [self._table.changed(key, **fields) for key, fields in changes.items() if fields]
        )
        for fleet_id in changes:
            self._reconcilers[fleet_id].wake()
        return tuple(self._table.get(fleet_id) for fleet_id in changes)

    def forget_deleted(self) -> None:
        """Forget deleted fleets of which no instance is on record any more."""
        in_use = {instance.fleet_id for instance in self._instances if instance.fleet_id}
        in_use |= self._reconcilers.keys()
        self._context.resources.commit(
            forget=[each for each in self._table if each.state is FleetState.DELETED and each.id not in in_use]
        )

    def _earlier(self, request: FleetRequest) -> Fleet | None:
        created = created_before(self._tokens, _ACTION, request)
        return self._table.find(created[0]) if created else None

    def _fleet(self, request: FleetRequest) -> Fleet:
        if request.type != "maintain":
            raise Unsupported(f"fleets of type {request.type!r} are not supported here; use maintain")
        check_target(request.target)
        template, version = self._templates.version(request.template, request.template_version)
        for override in request.overrides:
            self._context.inventory.type_named(override.type_name or version.type_name or DEFAULT_TYPE)
        tags.check(request.tags)
        tags.check(request.instance_tags)
        return Fleet(
            id=self._context.ids.new(FLEETS.prefix),
            type=request.type,
            state=FleetState.ACTIVE,
            template_id=template.id,
            template_version=version.number,
            target=request.target,
            created_at=self._context.clock.now(),
            overrides=request.overrides,
            tags=dict(request.tags),
            instance_tags=dict(request.instance_tags),
            keep_excess=request.keep_excess,
            client_token=request.client_token,
            replace_unhealthy=request.replace_unhealthy,
        )

    def _price(self, fleet: Fleet, override: FleetOverride) -> float:
        """Return the price per hour of an instance launched this way; 0 if its type cannot be found."""
        try:
            _, version = self._templates.version(fleet.template_id, str(fleet.template_version))
            name = override.type_name or version.type_name or DEFAULT_TYPE
            return self._context.inventory.type_named(name).price_usd_hour
        except CloudError:
            return 0.0

    def _start_task(self, fleet_id: str) -> None:
        reconciler = self._reconcilers[fleet_id] = FleetReconciler(
            fleet_id, self._context, self._launcher, self._controller, calls=self._calls, price=self._price
        )

        async def run() -> None:
            await reconciler.run()
            self._reconcilers.pop(fleet_id, None)

        self._context.tasks.spawn(run, fleet_id, restart=True)

    def _on_change(self, changed: Instance, former: Instance | None) -> None:
        if changed.fleet_id in self._reconcilers:
            self._reconcilers[changed.fleet_id].on_change(changed, former)
        if former is not None and changed.state in (InstanceState.TERMINATED, InstanceState.STOPPED):
            for reconciler in self._reconcilers.values():
                reconciler.on_room()
