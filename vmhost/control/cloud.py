"""The cloud's one door: instant reads from memory, and commands that are refused with a CloudError or accepted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from vmhost.api.views import CallView, CpuView, FaultView, StatsView, TypesView, View
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound
from vmhost.base.ids import Ids, RandomIds
from vmhost.base.logs import get_logger
from vmhost.base.sse import Hub
from vmhost.control.call_log import CallLog, CallRecord
from vmhost.control.checks import Checks
from vmhost.control.deadline import deadline
from vmhost.control.faults import Faults
from vmhost.control.fleets.service import FleetReconciler, Fleets
from vmhost.control.host_usage import HostUsagePublisher
from vmhost.control.instances.adoption import check_records
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher
from vmhost.control.instances.reapply_limits import reapply_limits
from vmhost.control.instances.reconciler import InstanceReconciler
from vmhost.control.inventory import Inventory, holds
from vmhost.control.leftovers import Leftovers
from vmhost.control.records import Records
from vmhost.control.requests import FleetRequest, LaunchRequest, TemplateRequest
from vmhost.control.sizing import REGION, split
from vmhost.control.stats import UsageMeter
from vmhost.control.task_supervisor import TaskSupervisor
from vmhost.control.templates.service import Templates
from vmhost.control.timeouts import Timeouts
from vmhost.control.type_offers import offers
from vmhost.control.view_conversion import HostView, host_view, instance_view
from vmhost.drivers.base import Driver
from vmhost.model.fleet import Fleet, LaunchTemplate
from vmhost.model.guest import Capabilities
from vmhost.model.image import Image
from vmhost.model.instance import Instance, InstanceState, StateChange
from vmhost.model.instance_type import InstanceType, TypeCatalogue
from vmhost.model.lifecycle import Event
from vmhost.model.limits import Limits
from vmhost.store.store import Store

MAX_OVERCOMMIT = 100.0
_HUB_CAPACITY = 4096
_TASKS_SHARE = 0.25
"""Of the time for closing, what the tasks may take."""
_log = get_logger("cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """What the owner of a cloud decides."""

    name: str = "glasscloud"
    hosts: int = 2
    overcommit: float = 1.0
    """How many times what there is may be promised."""

    def __post_init__(self) -> None:
        if not 0 < self.overcommit <= MAX_OVERCOMMIT:
            raise InvalidInput(
                f"an overcommit of {self.overcommit:g} is not possible; expected above 0, at most {MAX_OVERCOMMIT:g}"
            )


class Cloud:
    """A cloud on one driver and one store. `open` it before anything else."""

    region = REGION

    def __init__(
        self,
        *,
        driver: Driver,
        store: Store,
        types: TypeCatalogue,
        images: Iterable[Image],
        settings: CloudSettings | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        timeouts: Timeouts | None = None,
        adopt: bool = False,
    ) -> None:
        """`adopt`: guests that are not on record are recorded when it opens."""
        self.settings = settings or CloudSettings()
        self.hub = Hub(capacity=_HUB_CAPACITY)
        """Events `instance`, `host`, `fault`, `call` and `stats`, each with its view's JSON. Everyone who reads it
        counts as a watcher for whom stats are measured."""
        self._driver = driver
        self._store = store
        self._catalogue = types
        self._images = {image.id: image for image in images}
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._timeouts = timeouts or Timeouts()
        self._tasks = TaskSupervisor()
        self._opened = False
        self._adopt = adopt
        self._records = Records(store, self._clock)
        self._templates = Templates(self._records, self._clock, self._ids)
        self._usage_meter = UsageMeter(driver, self._clock, timeout_s=self._timeouts.measure_s)
        self._calls = CallLog(clock=self._clock, ids=self._ids, publish=self._publisher("call"))

    async def open(self) -> None:
        """Opens the driver, divides the machine, adopts what an earlier run left and removes what is nobody's.

        Raises Unavailable or DeadlineExceeded from the driver, Conflict for guests while nothing is on record."""
        async with deadline(self._timeouts.open_s, f"opening the {self._driver.name} driver"):
            await self._driver.open()
            check_records(self._records, await self._driver.list_guests(), adopt=self._adopt)
            hosts = split(await self._driver.capacity(), self.settings.hosts)
            await self._driver.prepare_hosts(hosts)
        inventory = Inventory(
            driver=self._driver.name,
            hosts=hosts,
            overcommit=self.settings.overcommit,
            types={kind.name: kind for kind in self._catalogue.types},
            images=self._images,
            wall=self._driver.capabilities().of("host"),
        )
        self._build(inventory)
        await reapply_limits(self._driver, inventory, self._records.instances, deadline_s=self._timeouts.measure_s)
        await self._tasks.open()
        await self._controller.open()
        self._fleets.open()
        self._tasks.spawn(self._measure, "stats")
        self._opened = True

    def _build(self, inventory: Inventory) -> None:
        records, driver, tasks, clock, timeouts = self._records, self._driver, self._tasks, self._clock, self._timeouts
        self._inventory = inventory
        self._host_usage = HostUsagePublisher(lambda: tuple(map(host_view, self.hosts())), self._publisher("host"))
        self._records.listen(self._on_change)

        def reconciler(instance_id: str) -> InstanceReconciler:
            return InstanceReconciler(
                instance_id, records=records, driver=driver, blueprints=inventory, timeouts=timeouts, clock=clock
            )

        self._controller = InstanceController(
            records=records, driver=driver, tasks=tasks, timeouts=timeouts, make=reconciler
        )
        self._launcher = Launcher(
            inventory=inventory,
            records=records,
            templates=self._templates,
            clock=clock,
            ids=self._ids,
            begin=self._controller.add,
        )
        self._fleets = Fleets(
            records=records,
            templates=self._templates,
            inventory=inventory,
            tasks=tasks,
            clock=clock,
            ids=self._ids,
            make=self._fleet_reconciler,
        )
        self.checks = Checks(
            records=records,
            launcher=self._launcher,
            controller=self._controller,
            templates=self._templates,
            fleets=self._fleets,
            images=self._images,
        )
        self._faults = Faults(
            records=records,
            driver=driver,
            tasks=tasks,
            clock=clock,
            ids=self._ids,
            vcpus=lambda instance: inventory.kind(instance.type_name).vcpus,
            publish=self._publisher("fault"),
        )

    def _fleet_reconciler(self, fleet_id: str) -> FleetReconciler:
        return FleetReconciler(
            fleet_id,
            records=self._records,
            launch=self._launcher.run,
            price=self._fleets.price,
            ask=self._controller.ask,
            tell=self._calls.tell,
            timeouts=self._timeouts,
            clock=self._clock,
        )

    async def close(self, *, remove: bool) -> Leftovers | None:
        """Ends every task. With `remove` nothing is left of the cloud, in the driver and in the store, within 5 s;
        what could not be removed in that time is told, stays recorded, and the next `open` removes it. A cloud whose
        `open` did not succeed removes nothing."""
        remove = remove and self._opened
        until = asyncio.get_running_loop().time() + self._timeouts.close_s
        # A task that waits for a driver which hangs is ended with the driver.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.close_s * _TASKS_SHARE):
                await self._tasks.close()
        self.hub.close()
        marked: tuple[str, ...] = ()
        if remove:
            # On record first, so that a crash from here on ends in the same; it all goes also where the disk is full.
            with contextlib.suppress(CloudError):
                marked = self._records.mark_all_for_termination()
        try:
            async with asyncio.timeout_at(until):
                await self._driver.close(remove=remove)
            if remove:
                self._store.clear()
        except (CloudError, TimeoutError) as error:
            return Leftovers(instances=marked, why=str(error) or f"the {self._driver.name} driver did not end in time")
        return None

    # Reads

    @property
    def driver_name(self) -> str:
        """Which driver makes the machines."""
        return self._driver.name

    @property
    def overcommit(self) -> float:
        """How many times what there is may be promised."""
        return self.settings.overcommit

    def instances(self) -> tuple[Instance, ...]:
        """Every instance, also those that were terminated within the last hour."""
        return tuple(self._records.instances.values())

    def instance(self, instance_id: str) -> Instance:
        """One instance. Raises NotFound."""
        return self._records.instance(instance_id)

    def limits(self, instance: Instance) -> Limits | None:
        """What the instance gets; None when its type or host is no longer here."""
        return self._inventory.limits(instance)

    def hosts(self) -> tuple[HostView, ...]:
        """The hosts: promised (overcommit in it), used, free, enforced."""
        return self._inventory.views(self._records.instances.values())

    def types(self) -> tuple[InstanceType, ...]:
        """The catalogue of instance types."""
        return self._catalogue.types

    def offers(self) -> TypesView:
        """Each instance type with what it gets here, and how many more of it every host has room for."""
        return offers(self._catalogue, self._inventory, self._inventory.rooms(self._records.instances.values()))

    def images(self) -> tuple[Image, ...]:
        """The catalogue of images."""
        return tuple(self._images.values())

    def templates(self) -> tuple[LaunchTemplate, ...]:
        """Every launch template."""
        return tuple(self._records.templates.values())

    def fleets(self) -> tuple[Fleet, ...]:
        """Every fleet, also those deleted a short while ago."""
        return tuple(self._records.fleets.values())

    def fleet_instances(self, fleet_id: str) -> tuple[Instance, ...]:
        """The fleet's instances that are not terminated, oldest first. Raises NotFound."""
        return self._records.of_fleet(self._records.fleet(fleet_id).id)

    def fleet_trouble(self, fleet_id: str) -> str:
        """Why the fleet's last launch did not succeed; empty when it did."""
        return self._fleets.trouble(fleet_id)

    def capabilities(self) -> Capabilities:
        """Which walls hold here, and why the others don't."""
        return self._driver.capabilities()

    def faults(self) -> tuple[FaultView, ...]:
        """The faults under way."""
        return self._faults.under_way()

    def calls(self) -> tuple[CallView, ...]:
        """The last calls that changed something or tried to, oldest first."""
        return self._calls.last()

    def now(self) -> float:
        """The cloud's time, epoch seconds."""
        return self._clock.now()

    async def stats(self) -> StatsView:
        """What every running instance uses now."""
        running = [one.id for one in self._records.instances.values() if one.state is InstanceState.RUNNING]
        return await self._usage_meter.read(running)

    async def cpu(self) -> CpuView:
        """What every running instance has had of the CPU, and how busy each core was."""
        running = {
            one.id: one.host_id for one in self._records.instances.values() if one.state is InstanceState.RUNNING
        }
        return await self._usage_meter.cpu(running)

    async def console(self, instance_id: str) -> str:
        """The last 64 KiB that the instance's program printed, also while a terminated one can be seen; empty before
        it was made. Raises NotFound, Unavailable, and Conflict where it was not kept."""
        self._records.instance(instance_id)
        try:
            async with deadline(self._timeouts.measure_s, f"reading the console of {instance_id}"):
                return await self._driver.console(instance_id)
        except NotFound:
            if (kept := self._records.console(instance_id)) is not None:
                return kept
            if (state := self._records.instance(instance_id).state) is InstanceState.PENDING:
                return ""
            raise Conflict(f"instance {instance_id} is {state}; its console output was not kept") from None

    # Commands

    async def run_instances(self, request: LaunchRequest) -> tuple[Instance, ...]:
        """Launches between `min_count` and `max_count` instances and gives the reservation, pending.

        Raises InvalidInput, NotFound, or NoCapacity with nothing launched."""
        return self._launcher.run(request)

    async def start(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Starts stopped instances on the hosts where they are. Raises NotFound, Conflict, NoCapacity; then none."""
        self._launcher.check_room(ids)
        return self._controller.ask(ids, Event.START)

    async def stop(self, ids: Sequence[str], *, force: bool = False) -> tuple[StateChange, ...]:
        """Stops running instances; with `force` without grace. Raises NotFound or Conflict, and then stops none."""
        return self._controller.ask(ids, Event.STOP, force=force)

    async def reboot(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Stops and starts running instances; their state stays running. Raises NotFound or Conflict; then none."""
        return self._controller.ask(ids, Event.REBOOT)

    async def terminate(self, ids: Sequence[str]) -> tuple[StateChange, ...]:
        """Ends instances for good, whatever they do now. Raises NotFound, and then ends none."""
        return self._controller.ask(ids, Event.TERMINATE)

    async def create_tags(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Puts tags on instances, templates and fleets: on all, or none. Raises NotFound, InvalidInput."""
        self._records.retag(self.checks.tags_with(ids, tags))

    async def delete_tags(self, ids: Sequence[str], tags: Mapping[str, str | None] | None) -> None:
        """Takes tags off (None as a value: whatever it is; None for all: every tag that users wrote)."""
        self._records.retag(self.checks.tags_without(ids, tags))

    async def create_launch_template(self, request: TemplateRequest) -> LaunchTemplate:
        """A template with its first version. Raises InvalidInput for a name that is taken."""
        return self._templates.create(request)

    async def delete_launch_template(self, id_or_name: str) -> LaunchTemplate:
        """Forgets a template. Raises NotFound."""
        return self._templates.delete(id_or_name)

    async def create_fleet(self, request: FleetRequest) -> Fleet:
        """A fleet that keeps `target` instances running from now on. Raises InvalidInput, NotFound, Unsupported."""
        return self._fleets.create(request)

    async def modify_fleet(self, fleet_id: str, *, target: int | None = None, keep_excess: bool | None = None) -> Fleet:
        """Grows or shrinks a fleet. Raises NotFound, InvalidInput, Conflict."""
        return self._fleets.modify(fleet_id, target=target, keep_excess=keep_excess)

    async def delete_fleets(self, ids: Sequence[str], *, terminate_instances: bool) -> tuple[Fleet, ...]:
        """Ends fleets, with or without their instances. Raises NotFound or Conflict, and then ends none."""
        return self._fleets.delete(ids, terminate_instances=terminate_instances)

    async def kill(self, instance_id: str) -> FaultView:
        """Crashes a running instance behind the platform's back. Raises NotFound, Conflict."""
        return await self._faults.kill(instance_id)

    async def hog_cpu(self, instance_id: str, *, seconds: float = 10.0, workers_per_vcpu: int = 8) -> FaultView:
        """Burns CPU inside a running instance for so long. Raises NotFound, Conflict, InvalidInput."""
        return await self._faults.hog_cpu(instance_id, seconds=seconds, workers_per_vcpu=workers_per_vcpu)

    async def end_fault(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """Ends a hog now, named by its own id or its instance's. Raises NotFound, Conflict, InvalidInput."""
        return await self._faults.end(fault_id=fault_id, instance_id=instance_id)

    def telling(self, action: str, *, by: str) -> AbstractContextManager[CallRecord]:
        """For whoever takes calls: what is carried out inside is told to all as a call by that name."""
        return self._calls.telling(action, by=by)

    def _publisher(self, kind: str) -> Callable[[View], None]:
        return lambda view: self.hub.publish(kind, view.to_json())

    def _on_change(self, new: Instance, old: Instance | None) -> None:
        self.hub.publish("instance", instance_view(new, self._inventory.limits(new)).to_json())
        if old is None or holds(old) is not holds(new):
            self._host_usage.look()

    async def _measure(self) -> None:
        """Publishes stats while someone reads them."""
        while True:
            if self.hub.wanted("stats"):
                self.hub.publish("stats", (await self.stats()).to_json())
            await asyncio.sleep(self._timeouts.stats_s)
