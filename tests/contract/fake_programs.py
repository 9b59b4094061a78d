"""A fake driver that knows the programs of the contract suite by their names."""

from __future__ import annotations

from collections.abc import Sequence

from vmhost.base.errors import InvalidInput
from vmhost.drivers.fake import FakeDriver, FakeInstances, FakeSettings, FakeShell, FakeWorld
from vmhost.model.guest import Death, Endpoint, GuestSpec
from vmhost.model.image import Boot

RUNS = Boot(command=("runs",))
FAILS = Boot(command=("fails",))


class _Instances(FakeInstances):
    async def create(self, spec: GuestSpec) -> None:
        if spec.boot.image is not None:
            raise InvalidInput(f"image {spec.boot.image} does not exist")
        await super().create(spec)

    async def start(self, instance_id: str) -> Endpoint:
        endpoint = await super().start(instance_id)
        guest = self._world.guests[instance_id]
        if guest.spec.boot.command == FAILS.command:
            self.die(instance_id, Death(exit_code=3))
        return endpoint


class _Shell(FakeShell):
    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        script = command[-1]
        self._settings = FakeSettings(execute_s=30.0 if "sleep" in script else 0.0)
        code = await super().execute(instance_id, command, timeout_s=timeout_s)
        return 7 if script == "exit 7" else code


def fake_driver(world: FakeWorld, *, name: str = "fake", hosts: int = 2) -> FakeDriver:
    """Return a driver on this world."""
    driver = FakeDriver(FakeSettings(hosts=hosts), world, name=name)
    driver.instances = _Instances(driver.settings, world)
    driver.shell = _Shell(driver.settings, world)
    return driver
