"""The requests about instances: launch, start, stop, reboot, terminate, change, and reading their console output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vmhost.api.views import InstanceView, LimitsView, ReasonView
from vmhost.base.errors import Conflict, NotFound
from vmhost.control.deadline import deadline
from vmhost.control.instances.attributes import AttributeChange, changed_fields, check_protection, of_type
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
        """Stop running instances; with `force`, without waiting for their programs.

        Raises NotFound, Conflict, or Denied for one that is protected."""
        self._check_protection(ids, InstanceEvent.STOP)
        return self._controller.request(ids, InstanceEvent.STOP, force=force)

    def reboot(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Stop and start running instances; their state stays running. Raises NotFound or Conflict."""
        return self._controller.request(ids, InstanceEvent.REBOOT)

    def terminate(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Terminate instances in any state. Raises NotFound, or Denied for one that is protected."""
        self._check_protection(ids, InstanceEvent.TERMINATE)
        return self._controller.request(ids, InstanceEvent.TERMINATE)

    def check_run(self, request: LaunchRequest) -> InstanceType:
        """Return the type of the instances that `run` would launch. Raises what it would raise; changes nothing."""
        return self._launcher.check(request)

    def check_request(self, ids: Sequence[str], event: InstanceEvent) -> None:
        """Raise what start, stop, reboot or terminate would raise; change nothing."""
        if event is InstanceEvent.START:
            self._launcher.check_room(ids)
        self._check_protection(ids, event)
        self._controller.check(ids, event)

    def _check_protection(self, ids: Sequence[str], event: InstanceEvent) -> None:
        if event in (InstanceEvent.STOP, InstanceEvent.TERMINATE):
            for instance_id in ids:
                check_protection(self._table.get(instance_id), stop=event is InstanceEvent.STOP)

    def modify(self, instance_id: str, change: AttributeChange) -> None:
        """Change attributes. Raises NotFound, InvalidInput, or Conflict for what a stopped instance is needed for."""
        if fields := self.check_modify(instance_id, change):
            self._context.resources.commit([self._table.changed(instance_id, **fields)])
            self._controller.wake(instance_id)

    def check_modify(self, instance_id: str, change: AttributeChange) -> Mapping[str, Any]:
        """Return the fields that `modify` would change. Raises what it would raise."""
        if change.type_name is not None:
            self._context.inventory.type_named(change.type_name)
        return changed_fields(self._table.get(instance_id), change)

    async def resize(self, instance_id: str, type_name: str) -> Instance:
        """Give a running instance another type while it runs, and return it when its new limits are in force.

        Raises NotFound, InvalidInput, Conflict if it does not run or uses more memory than the type has, NoCapacity,
        or the driver's error; then the instance keeps its type."""
        instance, itype = self._table.get(instance_id), self._context.inventory.type_named(type_name)
        if instance.state is not InstanceState.RUNNING:
            raise Conflict(f"instance {instance_id} is {instance.api_state}; only a running one changes its type live")
        await self._check_memory(instance, itype)
        # Nothing awaits from here on until the change is recorded, so no launch takes the same room.
        instance = self._table.get(instance_id)
        if fields := of_type(instance, type_name):
            self._launcher.check_resize(instance, itype)
            self._context.resources.commit([self._table.changed(instance_id, **fields)])
            async with deadline(self._context.clock, self._context.timeouts.measure_s, f"resize of {instance_id}"):
                await self._controller.resized(instance_id)
        return self._table.get(instance_id)

    async def _check_memory(self, instance: Instance, itype: InstanceType) -> None:
        context = self._context
        async with deadline(context.clock, context.timeouts.measure_s, f"measuring {instance.id}"):
            stats = await context.driver.instances.stats(instance.id)
        if stats is not None and stats.memory_mib > itype.memory_mib:
            raise Conflict(
                f"instance {instance.id} uses {stats.memory_mib:.0f} MiB; a {itype.name} has {itype.memory_mib} MiB: "
                "stop the instance to change its type",
                code="IncorrectInstanceState",
            )

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
