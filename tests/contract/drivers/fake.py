"""The fake driver under the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from harness import Harness

from vmhost.base.errors import InvalidInput
from vmhost.drivers.fake import FakeDriver, FakeInstances, FakeSettings, FakeShell, FakeWorld
from vmhost.model.guest import Death, Endpoint, GuestSpec
from vmhost.model.image import Boot

_FAILS = ("fails",)


class _Instances(FakeInstances):
    """Runs no programs, so it recognizes those of the suite by their names."""

    async def create(self, spec: GuestSpec) -> None:
        if spec.boot.image is not None:
            raise InvalidInput(f"image {spec.boot.image} does not exist")
        await super().create(spec)

    async def start(self, instance_id: str) -> Endpoint:
        endpoint = await super().start(instance_id)
        guest = self._world.guests[instance_id]
        if guest.spec.boot.command == _FAILS:
            self.die(instance_id, Death(exit_code=3))
        return endpoint


class _Shell(FakeShell):
    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        script = command[-1]
        self._settings = FakeSettings(execute_s=30.0 if "sleep" in script else 0.0)
        code = await super().execute(instance_id, command, timeout_s=timeout_s)
        return 7 if script == "exit 7" else code


def _driver(world: FakeWorld) -> FakeDriver:
    driver = FakeDriver(world=world)
    driver.instances = _Instances(driver.settings, world)
    driver.shell = _Shell(driver.settings, world)
    return driver


@asynccontextmanager
async def harness(state: Path) -> AsyncIterator[Harness]:
    """A world of its own."""
    world = FakeWorld()
    yield Harness(
        make=lambda: _driver(world),
        boot=Boot(command=("runs",)),
        failing_boot=Boot(command=_FAILS),
        survives=True,
    )
