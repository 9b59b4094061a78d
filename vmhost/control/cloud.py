"""A cloud: all of its services, wired together, on one driver and one store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput
from vmhost.base.ids import Ids, RandomIds
from vmhost.base.logs import get_logger
from vmhost.base.sse import Hub
from vmhost.control.call_log import CallLog
from vmhost.control.client_tokens import CLIENT_TOKENS, forget_expired
from vmhost.control.deadline import deadline
from vmhost.control.faults import FaultService
from vmhost.control.fleets.record import FLEETS
from vmhost.control.fleets.service import FleetService
from vmhost.control.host_usage import HostUsage
from vmhost.control.instances.console import ConsoleArchive
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher
from vmhost.control.instances.metadata_publisher import MetadataPublisher
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Wanted
from vmhost.control.instances.service import InstanceService
from vmhost.control.instances.takeover import adopt_guests, check_drivers, reapply_limits, rename_hosts
from vmhost.control.inventory import Inventory
from vmhost.control.key_pairs.record import KEY_PAIRS
from vmhost.control.key_pairs.service import KeyPairService
from vmhost.control.kind import Kind
from vmhost.control.resources import Resources
from vmhost.control.service_context import ServiceContext
from vmhost.control.stats import UsageMeter
from vmhost.control.tags import TagService
from vmhost.control.templates.record import TEMPLATES
from vmhost.control.templates.service import TemplateService
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.ports import Driver
from vmhost.model.guest import Capabilities
from vmhost.model.image import Image
from vmhost.model.instance_type import TypeCatalogue
from vmhost.model.region import REGION
from vmhost.store import Store

KINDS: tuple[Kind[Any], ...] = (INSTANCES, TEMPLATES, FLEETS, KEY_PAIRS, CLIENT_TOKENS)
"""Every kind of resource that the cloud keeps."""
_REMOVED: tuple[Kind[Any], ...] = (TEMPLATES, FLEETS, KEY_PAIRS)
"""Kinds of which a removed cloud forgets everything at once; its instances are terminated first."""
MAX_OVERCOMMIT = 100.0
_HUB_CAPACITY = 4096
_TASKS_SHARE = 0.25
"""Share of the time for closing that the tasks may use."""
_log = get_logger("cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSettings:
    """The settings of one cloud."""

    name: str = "glasscloud"
    overcommit: float = 1.0
    """Factor of the hosts' capacity that may be allocated."""

    def __post_init__(self) -> None:
        if not 0 < self.overcommit <= MAX_OVERCOMMIT:
            raise InvalidInput(f"overcommit {self.overcommit:g} is out of range (above 0, at most {MAX_OVERCOMMIT:g})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """The rest of a cloud that could not be removed when it was closed."""

    instances: tuple[str, ...]
    """The instances that were to be removed; some of them may be gone."""
    why: str


class Cloud:
    """The services of one cloud. Call `open` first: it makes those that need to know the hosts."""

    region = REGION
    instances: InstanceService
    key_pairs: KeyPairService
    templates: TemplateService
    fleets: FleetService
    hosts: HostUsage
    faults: FaultService
    inventory: Inventory

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
        """`adopt`: when it opens, guests without a record are recorded."""
        self.settings = settings or CloudSettings()
        self.hub = Hub(capacity=_HUB_CAPACITY)
        """Events `instance`, `host`, `fault`, `call` and `stats`, each with its view as JSON. Stats are measured while
        anyone reads them."""
        self.types = types
        self.images = {image.id: image for image in images}
        self.clock = clock or SystemClock()
        self._driver = driver
        self._store = store
        self._ids = ids or RandomIds()
        self._timeouts = timeouts or Timeouts()
        self._tasks = BackgroundTasks(self.clock)
        self._is_open = False
        self._adopt = adopt
        self._resources = Resources(store, KINDS, self.clock)
        self._instances = self._resources.table(INSTANCES)
        self.tags = TagService(self._resources, self.images)
        self.calls = CallLog(clock=self.clock, ids=self._ids, publish=partial(self.hub.publish, "call"))
        self._metadata = MetadataPublisher(
            driver.networks, self._instances, self.images, timeouts=self._timeouts, clock=self.clock
        )
        self.usage = UsageMeter(driver, self._instances, self.clock, timeout_s=self._timeouts.measure_s)

    def capabilities(self) -> Capabilities:
        """Return what the driver isolates here, and why it does not isolate the rest."""
        return self._driver.capabilities()

    async def open(self) -> None:
        """Open the driver, prepare its hosts, and take over the instances of an earlier run.

        Raises Unavailable or DeadlineExceeded from the driver, Conflict if there are guests but no records,
        or instances of a driver that this cloud does not have."""
        check_drivers(self._instances, self._driver.name)
        async with deadline(self.clock, self._timeouts.open_s, f"opening the {self._driver.name} driver"):
            # Guests of an earlier run can read their metadata as soon as the driver is open.
            await self._metadata.publish()
            await self._driver.open()
            guests = await self._driver.instances.list()
            adopt_guests(self._resources, guests, adopt=self._adopt)
            hosts = await self._driver.hosts.prepare()
        rename_hosts(self._resources, guests, hosts)
        self.inventory = Inventory(
            hosts=hosts,
            overcommit=self.settings.overcommit,
            types={each.name: each for each in self.types.types},
            images=self.images,
            capabilities=self._driver.capabilities().by_driver,
        )
        context = ServiceContext(
            resources=self._resources,
            inventory=self.inventory,
            driver=self._driver,
            tasks=self._tasks,
            timeouts=self._timeouts,
            clock=self.clock,
            ids=self._ids,
        )
        controller = self._make_services(context)
        await reapply_limits(context)
        await self._tasks.open()
        await controller.open()
        self.fleets.open()
        self._tasks.spawn(self._metadata.run, "metadata", restart=True)
        self._tasks.spawn(self._publish_stats, "stats", restart=True)
        self._tasks.spawn(lambda: self._maintain(controller), "maintenance", restart=True)
        self._is_open = True

    def _make_services(self, context: ServiceContext) -> InstanceController:
        self.hosts = HostUsage(context, partial(self.hub.publish, "host"))
        self._instances.listen(lambda changed, _: self._publish_instance(changed))
        console = ConsoleArchive(self._store)
        controller = InstanceController(context, console)
        self.key_pairs = KeyPairService(context)
        self.templates = TemplateService(context)
        launcher = Launcher(context, self.templates, self.key_pairs, controller)
        self.instances = InstanceService(context, launcher, controller, console)
        self.fleets = FleetService(context, self.templates, launcher, controller, self.calls)
        self.faults = FaultService(context, partial(self.hub.publish, "fault"))
        return controller

    async def close(self, *, remove: bool) -> Leftovers | None:
        """End every task. With `remove`, remove the whole cloud from driver and store within 5 s.

        Returns what could not be removed in that time; it stays on record, and the next `open` removes it. A cloud
        whose `open` failed removes nothing."""
        remove = remove and self._is_open
        until = self.clock.monotonic() + self._timeouts.close_s
        # A task that waits for a driver which hangs is ended with the driver.
        with contextlib.suppress(DeadlineExceeded):
            async with deadline(self.clock, self._timeouts.close_s * _TASKS_SHARE, "ending the tasks"):
                await self._tasks.close()
        self.hub.close()
        marked: tuple[str, ...] = ()
        if remove:
            # Recorded first, so that a crash from here on leads to the same end. A full disk does not stop the removal.
            with contextlib.suppress(CloudError):
                marked = self._mark_all_for_termination()
        try:
            async with deadline(self.clock, until - self.clock.monotonic(), f"closing the {self._driver.name} driver"):
                await self._driver.close(remove=remove)
            if remove:
                self._store.clear()
        except CloudError as error:
            return Leftovers(instances=marked, why=str(error))
        return None

    def _mark_all_for_termination(self) -> tuple[str, ...]:
        others = tuple(each for kind in _REMOVED for each in self._resources.table(kind))
        ids = tuple(each.id for each in self._instances if each.state is not InstanceState.TERMINATED)
        terminating = {"state": InstanceState.SHUTTING_DOWN, "wanted": Wanted.TERMINATED}
        self._resources.commit((self._instances.changed(each, **terminating) for each in ids), forget=others)
        return ids

    def _publish_instance(self, instance: Instance) -> None:
        self.hub.publish("instance", self.instances.view(instance))

    async def _publish_stats(self) -> None:
        """Publish stats while anyone reads them."""
        while True:
            if self.hub.wanted("stats"):
                self.hub.publish("stats", await self.usage.read())
            await self.clock.sleep(self._timeouts.stats_s)

    async def _maintain(self, controller: InstanceController) -> None:
        """Store what could not be stored before, and forget records whose time is over."""
        while True:
            await self.clock.sleep(self._timeouts.resync_s)
            self._resources.save()
            try:
                controller.forget_terminated()
                self.fleets.forget_deleted()
                forget_expired(self._resources, oldest=self.clock.now() - self._timeouts.keep_tokens_s)
            except CloudError as error:
                _log.warning("old_records_not_removed", error=error.message)
