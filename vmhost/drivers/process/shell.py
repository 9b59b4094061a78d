"""What process guests print, and commands inside them."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence

from vmhost.base.errors import Conflict
from vmhost.drivers.process import orphans, termination
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.programs import exit_code
from vmhost.drivers.process.runtime import ProcessRuntime


class ProcessShell:
    """Reads guests' console files and starts commands in their control groups."""

    def __init__(self, runtime: ProcessRuntime) -> None:
        self._runtime = runtime

    async def console(self, instance_id: str) -> str:
        return self._runtime.guest(instance_id).console.tail()

    async def execute(self, instance_id: str, command: Sequence[str], *, timeout_s: float) -> int:
        guest = self._runtime.guest(instance_id)
        own = guest.process
        if own is None:
            raise Conflict(f"instance {instance_id} is not running; start it to run a command in it")
        process = await self._runtime.launch(guest, command)
        guest.commands.add(process.pid)
        try:
            # If the guest's own program ended while this one started, nothing else would kill it.
            async with asyncio.timeout(timeout_s if own.returncode is None else 0):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            code = await self._runtime.tasks.finish(self._end(guest, process), name=f"end command in {instance_id}")
        return code

    async def _end(self, guest: Guest, process: Process) -> int:
        if process.returncode is None:
            await termination.kill_programs([process.pid])
        code = await process.wait()
        await termination.kill_leftovers(process.pid)
        guest.commands.discard(process.pid)
        orphans.forget(self._runtime.records, guest.spec.instance_id, process.pid)
        return exit_code(code)
