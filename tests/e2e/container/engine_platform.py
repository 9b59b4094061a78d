"""The platform's program on a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from engine_world import IMAGE

from vmhost.api.access import Access
from vmhost.api.client import CloudClient

DEADLINE_S = 60


@dataclass(slots=True)
class Platform:
    """A platform's program on a state folder of its own."""

    cloud: str
    state: Path
    driver: str = "container"

    async def start(self, *options: str) -> tuple[asyncio.subprocess.Process, Path]:
        """The program, and the file that it writes when it is ready."""
        self.state.mkdir(exist_ok=True)
        ready = self.state / "ready.json"
        ready.unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vmhost", "--driver", self.driver, "--port", "0", "--cloud", self.cloud),
            *("--state", str(self.state / "vmhost"), "--ready", str(ready), "--log-level", "error", *options),
            env=os.environ | {"GLASSCLOUD_IMAGE": IMAGE},
            stderr=asyncio.subprocess.PIPE,
        )
        return process, ready

    async def refusal(self, *options: str) -> str:
        """What the program says when it does not start."""
        process, _ = await self.start(*options)
        async with asyncio.timeout(DEADLINE_S):
            errors = (await process.communicate())[1].decode()
        assert process.returncode == 1, errors
        return errors

    @contextlib.asynccontextmanager
    async def up(self, *options: str) -> AsyncIterator[CloudClient]:
        """A client of the running program, which is killed at the end."""
        process, ready = await self.start(*options)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not ready.exists():
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    await asyncio.sleep(0.05)
            async with CloudClient(Access.load(Path(json.loads(ready.read_text())["access"]), environ={})) as client:
                yield client
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def sweep(self) -> None:
        process, _ = await self.start("--sweep")
        assert await process.wait() == 0
