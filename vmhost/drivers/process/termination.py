"""Ends a guest's programs with their descendants, and says how its program ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

import psutil

from vmhost.drivers import processes
from vmhost.drivers.cgroups import Usage
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.isolation import Isolation
from vmhost.drivers.process.programs import how_it_ended
from vmhost.model.guest import Death

_SIGNALS_FROM = 128
_SIGKILL_CODE = _SIGNALS_FROM + signal.SIGKILL
_LAST_CHARS = 4096
_ADDRESS_IN_USE = ("ddress already in use", "EADDRINUSE")
"""How programs report EADDRINUSE, whatever they are written in."""


def send_sigterm(guest: Guest) -> None:
    """Send SIGTERM to the guest's program and its process group, unless its id may belong to another process."""
    if guest.process is not None and guest.process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(guest.process.pid, signal.SIGTERM)


async def kill_all(guest: Guest, isolation: Isolation) -> None:
    """Kill every process of the guest."""
    await kill_programs(guest.leaders())
    await isolation.kill(guest.spec)


async def kill_programs(leaders: Sequence[int]) -> None:
    """Kill programs that have not been waited for, and their descendants.

    The programs are killed first, so that none of them sees its children end."""
    if leaders:
        await asyncio.to_thread(_kill_family, leaders)


async def kill_remaining(guest: Guest, leader: int, isolation: Isolation) -> None:
    """Kill what is left of a guest whose program has ended: its children and the commands that run in it."""
    await isolation.kill(guest.spec)
    await kill_programs(tuple(guest.commands))
    await kill_leftovers(leader)


async def kill_leftovers(leader: int) -> None:
    """Kill what an ended program left in its session; nothing once another process has its id."""
    if not psutil.pid_exists(leader):
        await asyncio.to_thread(_kill_family, (leader,))


def _kill_family(leaders: Sequence[int]) -> None:
    processes.kill(processes.family(leaders))


def death(guest: Guest, code: int, used: Usage | None) -> Death:
    """Say how the guest's program ended; `used` is what its control group counted."""
    if guest.kill_reason:
        return Death(exit_code=code, oom=True, detail=guest.kill_reason)
    kills = (used.oom_kills or 0) if used else 0
    if code == _SIGKILL_CODE and kills > guest.oom_kills_before:
        limit = guest.spec.limits.memory_mib
        return Death(exit_code=code, oom=True, detail=f"above its memory limit of {limit} MiB")
    if 0 < code <= _SIGNALS_FROM and any(words in guest.console.tail()[-_LAST_CHARS:] for words in _ADDRESS_IN_USE):
        where = f"{guest.endpoint.address}:{guest.endpoint.port or guest.spec.boot.port}"
        return Death(
            exit_code=code,
            detail=f"its address was in use: an instance that is a process must listen on $HOST:$PORT, here {where}",
        )
    return Death(exit_code=code, detail=how_it_ended(code))
