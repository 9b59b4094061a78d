"""The requests about instances: launch, start, stop, reboot, terminate, and reading their console output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from vmhost.api.views import InstanceView, LimitsView, ReasonView
from vmhost.base.errors import Conflict, NotFound
from vmhost.control.deadline import deadline
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher, LaunchRequest
from vmhost.control.instances.lifecycle import InstanceEvent
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, StateChange
from vmhost.control.service_context import ServiceContext
from vmhost.model.instance_type import InstanceType
from vmhost.model.limits import Limits


class InstanceService:
    """The instances of one cloud. Each request about several instances is carried out for all of them or for none."""

    def __init__(
        self, context: ServiceContext, launcher: Launcher, controller: InstanceController, console: ConsoleArchive
    ) -> None:
        self._context = context
        self._table = context.resources.table(INSTANCES)
        self._launcher = launcher
        self._controller = controller
        self._console = console

    def all(self) -> tuple[Instance, ...]:
        """Return every instance, including those terminated within the last hour."""
        return self._table.all()

    def get(self, instance_id: str) -> Instance:
        """Return one instance. Raises NotFound."""
        return self._table.get(instance_id)

    def limits(self, instance: Instance) -> Limits | None:
        """Return the limits of the instance; None if its type or host no longer exists."""
        return self._context.inventory.limits(instance)

    def view(self, instance: Instance) -> InstanceView:
        """Return the instance as clients see it."""
        reason, limits = instance.reason, self.limits(instance)
        return InstanceView(
            id=instance.id,
            type=instance.type_name,
            state=instance.api_state.value,
            host=instance.host_id,
            zone=instance.zone,
            image=instance.image_id,
            launched_at=instance.launched_at,
            address=instance.address,
            port=instance.port,
            web_port=self._context.inventory.web_port(instance),
            tags=dict(instance.tags),
            fleet=instance.fleet_id,
            reason=ReasonView(code=reason.code, message=reason.message) if reason else None,
            impaired=instance.impaired,
            generation=instance.generation,
            changed_at=instance.changed_at,
            limits=LimitsView(**asdict(limits)) if limits else None,
        )

    def run(self, request: LaunchRequest) -> tuple[Instance, ...]:
        """Launch between `min_count` and `max_count` instances and return them, pending.

        Raises InvalidInput, NotFound or NoCapacity; then nothing is launched."""
        return self._launcher.run(request)

    def start(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Start stopped instances on their hosts. Raises NotFound, Conflict or NoCapacity."""
        self._launcher.check_room(ids)
        return self._controller.request(ids, InstanceEvent.START)

    def stop(self, ids: Sequence[str], *, force: bool = False) -> tuple[StateChange, ...]:
        """Stop running instances; with `force`, without waiting for their programs. Raises NotFound or Conflict."""
        return self._controller.request(ids, InstanceEvent.STOP, force=force)

    def reboot(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Stop and start running instances; their state stays running. Raises NotFound or Conflict."""
        return self._controller.request(ids, InstanceEvent.REBOOT)

    def terminate(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Terminate instances in any state. Raises NotFound."""
        return self._controller.request(ids, InstanceEvent.TERMINATE)

    def check_run(self, request: LaunchRequest) -> InstanceType:
        """Return the type of the instances that `run` would launch. Raises what it would raise; changes nothing."""
        return self._launcher.check(request)

    def check_request(self, ids: Sequence[str], event: InstanceEvent) -> None:
        """Raise what start, stop, reboot or terminate would raise; change nothing."""
        if event is InstanceEvent.START:
            self._launcher.check_room(ids)
        self._controller.check(ids, event)

    async def console(self, instance_id: str) -> str:
        """Return the last 64 KiB that the instance's program printed; empty before the guest exists.

        Raises NotFound, Unavailable, or Conflict if the output of a terminated instance was not kept."""
        self._table.get(instance_id)
        context = self._context
        try:
            async with deadline(context.clock, context.timeouts.measure_s, f"reading the console of {instance_id}"):
                return await context.driver.shell.console(instance_id)
        except NotFound:
            if (kept := self._console.read(instance_id)) is not None:
                return kept
            if (state := self._table.get(instance_id).api_state) is InstanceState.PENDING:
                return ""
            raise Conflict(f"instance {instance_id} is {state}; its console output was not kept") from None
