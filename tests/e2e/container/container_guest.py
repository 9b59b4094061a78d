"""A guest under test: made, started, and asked things from inside."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field

from engine_world import LIMITS, SLEEPER, World, spec

from vmhost.drivers.container.driver import ContainerDriver
from vmhost.model.guest import Endpoint
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5).close()
except OSError as error:
    print(error)
else:
    print("reached")
"""


@dataclass(slots=True, kw_only=True)
class Guest:
    """One guest of a cloud under test, used as `async with`."""

    cloud: World
    driver: ContainerDriver
    id: str
    boot: Boot = SLEEPER
    limits: Limits = LIMITS
    endpoint: Endpoint = field(default=Endpoint(address=""))

    @property
    def container(self) -> str:
        return f"{self.cloud.cloud}-{self.id}"

    async def __aenter__(self) -> Guest:
        await self.driver.instances.create(spec(self.id, boot=self.boot, limits=self.limits))
        self.endpoint = await self.driver.instances.start(self.id)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.instances.remove(self.id)

    async def says(self, *command: str) -> str:
        """What a program prints inside the guest."""

        def run() -> str:
            whole = ["docker", "exec", self.container, *command]
            done = subprocess.run(whole, capture_output=True, text=True, timeout=30, check=False)
            return (done.stdout + done.stderr).strip()

        return await asyncio.to_thread(run)

    async def python(self, code: str, *arguments: str) -> str:
        """What Python prints inside the guest."""
        return await self.says("python", "-c", code, *arguments)

    async def reaches(self, address: str, port: int) -> bool:
        """Whether a connection from inside the guest is answered."""
        return await self.python(_CONNECT, address, str(port)) == "reached"
