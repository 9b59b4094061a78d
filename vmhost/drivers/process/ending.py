"""Ending a guest's programs, whole families at a time, and judging how one ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence

from vmhost.drivers.cgroups import Usage
from vmhost.drivers.process import table
from vmhost.drivers.process.guests import Guest
from vmhost.drivers.process.programs import how_it_ended
from vmhost.drivers.process.walls import Wall
from vmhost.model.guest import Death

_SIGNALS_FROM = 128
_SIGKILL_CODE = _SIGNALS_FROM + signal.SIGKILL
_LAST_CHARS = 4096
_ADDRESS_IN_USE = ("ddress already in use", "EADDRINUSE")
"""How programs report EADDRINUSE, whatever they are written in."""


def ask_to_end(guest: Guest) -> None:
    """SIGTERM to the guest's program and its process group, while that is still ours to name."""
    if guest.process is not None and guest.process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(guest.process.pid, signal.SIGTERM)


async def end_now(guest: Guest, wall: Wall) -> None:
    """SIGKILL to everyone in the guest."""
    await end_programs(guest.leaders())
    await wall.kill(guest.spec)


async def end_programs(leaders: Sequence[int]) -> None:
    """SIGKILL to programs that have not been waited for, and to all that they started.

    The programs go first: one that waits for its children must not have the time to take it for their end."""
    if not leaders:
        return
    rows = await _read_all()
    living = [leader for leader in leaders if leader in rows]
    _kill((*living, *table.members(living, rows)), rows)


async def _read_all() -> Mapping[int, table.Row]:
    """The table of processes, read in a thread: it takes as long as many requests of others do."""
    return await asyncio.to_thread(table.read_all)


async def end_rest(guest: Guest, leader: int, wall: Wall) -> None:
    """Once its program has ended: nothing else of the guest goes on, neither its children nor commands run in it."""
    await wall.kill(guest.spec)
    await end_programs(tuple(guest.commands))
    await end_leftovers(leader)


async def end_leftovers(leader: int) -> None:
    """SIGKILL to what an ended program left in its session."""
    rows = await _read_all()
    _kill(table.leftovers(leader, rows), rows)


def _kill(pids: Iterable[int], rows: Mapping[int, table.Row]) -> None:
    for pid in pids:
        now = table.read_row(pid)
        if now is not None and now.started != rows[pid].started:
            # Its id has a new owner since the table was read.
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def death(guest: Guest, code: int, used: Usage | None) -> Death:
    """How the guest's program ended, in words; `used` is what its wall counted."""
    if guest.verdict:
        return Death(exit_code=code, oom=True, detail=guest.verdict)
    kills = (used.oom_kills or 0) if used else 0
    if code == _SIGKILL_CODE and kills > guest.oom_kills_before:
        limit = guest.spec.limits.memory_mib
        return Death(exit_code=code, oom=True, detail=f"above its memory limit of {limit} MiB")
    if 0 < code <= _SIGNALS_FROM and any(words in guest.console.tail()[-_LAST_CHARS:] for words in _ADDRESS_IN_USE):
        place = f"{guest.place.address}:{guest.place.port or guest.spec.boot.port}"
        return Death(
            exit_code=code,
            detail=f"its address was in use: an instance that is a process must listen on $HOST:$PORT, here {place}",
        )
    return Death(exit_code=code, detail=how_it_ended(code))
