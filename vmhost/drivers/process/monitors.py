"""Background checks of process guests: programs stopped by a signal, and memory where the OS does not limit it."""

from __future__ import annotations

import asyncio
import subprocess

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.process import process_table, termination
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.runtime import ProcessRuntime
from vmhost.model.guest import GuestEvent, GuestPhase

_MEMORY_EVERY_S = 0.5
_HEALTH_EVERY_S = 2.0
_log = get_logger("process")


async def watch_health(runtime: ProcessRuntime) -> None:
    """Publish an event when a guest's program is stopped or continued by a signal."""
    while True:
        await asyncio.sleep(_HEALTH_EVERY_S)
        for guest in tuple(runtime.guests.values()):
            row = process_table.read_row(guest.process.pid) if guest.process is not None else None
            frozen = row is not None and row.state == process_table.STOPPED
            if frozen is not guest.frozen:
                guest.frozen = frozen
                runtime.feed.publish(GuestEvent(instance_id=guest.spec.instance_id, phase=GuestPhase.RUNNING))


async def enforce_memory_limits(runtime: ProcessRuntime) -> None:
    """Kill guests above their memory limit, where the OS does not."""
    while True:
        await asyncio.sleep(_MEMORY_EVERY_S)
        for guest in [guest for guest in runtime.guests.values() if guest.process is not None]:
            try:
                await _check_memory(runtime, guest)
            except (CloudError, OSError, subprocess.SubprocessError) as error:
                # For example, `ps` timed out on a busy computer; the next check may succeed.
                _log.warning("memory_check_failed", id=guest.spec.instance_id, error=str(error))


async def _check_memory(runtime: ProcessRuntime, guest: Guest) -> None:
    used = await runtime.isolation.usage(guest.spec, guest.leaders())
    if used is not None and used.memory_mib > guest.spec.limits.memory_mib:
        guest.kill_reason = f"above its memory limit of {guest.spec.limits.memory_mib} MiB (polled)"
        await termination.kill_all(guest, runtime.isolation)
