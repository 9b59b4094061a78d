"""The parts that all services of one cloud have in common."""

from __future__ import annotations

from dataclasses import dataclass

from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.clock import Clock
from vmhost.base.ids import Ids
from vmhost.control.inventory import Inventory
from vmhost.control.resources import Resources
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.ports import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContext:
    """Records, driver, hosts and catalogues, background tasks, time and ids. Made once the driver is open."""

    resources: Resources
    inventory: Inventory
    driver: Driver
    tasks: BackgroundTasks
    timeouts: Timeouts
    clock: Clock
    ids: Ids
