"""What the ports of the process driver share: its guests, their isolation, and how a program is started in one."""

from __future__ import annotations

import os
from asyncio.subprocess import Process
from collections.abc import Sequence

from vmhost.api.guest_metadata import ENDPOINT_VARIABLE
from vmhost.base.background_tasks import BackgroundTasks
from vmhost.base.errors import Internal, NotFound
from vmhost.drivers.context import DriverContext
from vmhost.drivers.event_feed import EventFeed
from vmhost.drivers.process import loopback_addresses
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.isolation import Isolation
from vmhost.drivers.process.programs import ProgramSpec, clean_environment, start_program
from vmhost.model.guest import Endpoint, GuestSpec


class ProcessRuntime:
    """The state of the driver. Before `open` there is no isolation."""

    def __init__(self, context: DriverContext, *, own_addresses: bool | None) -> None:
        self.key = f"{context.cloud} {context.state_dir.resolve()}"
        self.folder = context.state_dir.resolve() / "process"
        self.guests_folder, self.records = self.folder / "guests", self.folder / "alive"
        self.own_addresses = loopback_addresses.has_own_addresses() if own_addresses is None else own_addresses
        self.opened_isolation: Isolation | None = None
        self.guests: dict[str, Guest] = {}
        self.feed = EventFeed()
        self.tasks = BackgroundTasks()

    @property
    def isolation(self) -> Isolation:
        if self.opened_isolation is None:
            raise Internal("the process driver is not open")
        return self.opened_isolation

    def guest(self, instance_id: str) -> Guest:
        """Return the guest. Raises NotFound."""
        guest = self.guests.get(instance_id)
        if guest is None:
            raise NotFound(f"instance {instance_id} does not exist on this driver")
        return guest

    def choose_endpoint(self, spec: GuestSpec) -> Endpoint:
        """Choose a free endpoint for the guest."""
        taken = [guest.endpoint for guest in self.guests.values() if guest.spec.instance_id != spec.instance_id]
        return loopback_addresses.choose_endpoint(self.key, spec.boot.port, taken, own_addresses=self.own_addresses)

    async def launch(self, guest: Guest, command: Sequence[str]) -> Process:
        """Start a program in the guest: its own, or a command."""
        spec = guest.spec
        port = guest.endpoint.port or spec.boot.port
        own = {"HOST": guest.endpoint.address, "PORT": str(port), ENDPOINT_VARIABLE: guest.metadata_url}
        program = ProgramSpec(
            subject=spec.instance_id,
            command=tuple(command),
            environment=clean_environment(os.environ, guest.home) | dict(spec.boot.environment)
            | dict(spec.environment) | own,
            folder=guest.home,
            records=self.records,
            entry=self.isolation.entry(spec),
            cpus=spec.limits.cpus,
        )  # fmt: skip
        guest.home.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        self.tasks.spawn(lambda: guest.console.pump(reading), f"console {spec.instance_id}")
        try:
            return await start_program(program, output=writing)
        finally:
            os.close(writing)
