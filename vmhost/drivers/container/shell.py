"""What containers print, and commands inside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from vmhost.base.errors import Conflict, NotFound
from vmhost.drivers.container.engine_responses import Container
from vmhost.drivers.container.netns import ContainerProcess
from vmhost.drivers.container.runtime import ContainerRuntime

_KILLED = 137
_CONSOLE_LINES, _CONSOLE_CHARACTERS = 4000, 64 * 1024
_POLL_FIRST_S, _POLL_LAST_S = 0.02, 0.25


class ContainerShell:
    """Reads the engine's logs and runs commands with its exec calls."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime

    async def console(self, instance_id: str) -> str:
        container = await self._runtime.container(instance_id)
        return (await self._runtime.session.engine.logs(container.id, _CONSOLE_LINES))[-_CONSOLE_CHARACTERS:]

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        container = await self._runtime.container(instance_id)
        if not container.running:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        # Started in the background, so that the program can be killed even if the caller is cancelled meanwhile.
        started = asyncio.ensure_future(self._runtime.session.engine.execute(container.id, command))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exit_code(await asyncio.shield(started))
        except TimeoutError:
            return _KILLED
        finally:
            await self._runtime.finish(self._kill(container, started), instance_id)

    async def _exit_code(self, program: str) -> int:
        pause_s = _POLL_FIRST_S
        while True:
            _, code = await self._runtime.session.engine.executed(program)
            if code is not None:
                return code
            await asyncio.sleep(pause_s)
            pause_s = min(_POLL_LAST_S, pause_s * 1.5)

    async def _kill(self, container: Container, started: asyncio.Future[str]) -> None:
        """Kill the program, if it still runs."""
        session = self._runtime.session
        with contextlib.suppress(NotFound, Conflict):
            pid, code = await session.engine.executed(await started)
            if code is None and pid:
                await session.namespaces.end_session(ContainerProcess(pid=pid, container_id=container.id))
