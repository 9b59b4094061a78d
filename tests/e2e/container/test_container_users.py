"""Kernel limits that count per user: what one guest takes is not taken from its neighbor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from container_guest import Guest
from engine_world import SLEEPER

from vmhost.model.image import Boot

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

OWN = replace(SLEEPER, user="own")
SHARED = replace(SLEEPER, user="4711")
_DEADLINE_S = 10.0
_PIPE_BYTES = 65_536
_TERMINALS = 50
_INOTIFY = """
import ctypes, sys, time
libc, taken = ctypes.CDLL(None), 0
while taken < int(sys.argv[1]) and libc.inotify_init() >= 0:
    taken += 1
print("took", taken, flush=True)
time.sleep(float(sys.argv[2]))
"""
_PIPES = """
import os, time
pipes = [os.pipe() for _ in range(1500)]
print("took", len(pipes), flush=True)
time.sleep(60)
"""
_PIPE_SIZE = "import fcntl, os; print(fcntl.fcntl(os.pipe()[0], 1032))"
_PTYS = """
import pty, sys, time
terminals = [pty.openpty() for _ in range(int(sys.argv[1]))]
print("took", len(terminals), flush=True)
time.sleep(60)
"""
_PTYS_IN_USE = "print(open('/proc/sys/kernel/pty/nr').read())"


async def _taken(guest: Guest) -> None:
    """Wait until the guest's program has taken all that it can."""
    async with asyncio.timeout(_DEADLINE_S):
        while "took" not in await guest.driver.shell.console(guest.id):
            await asyncio.sleep(0.1)


async def test_inotify_instances_not_taken_from_neighbor(make_guest: Callable[..., Guest]) -> None:
    """The kernel gives each user 128 of them."""
    hoarder = replace(OWN, command=("python", "-c", _INOTIFY, "5000", "60"))
    async with make_guest(boot=hoarder) as attacker, make_guest(boot=OWN) as neighbor:
        await _taken(attacker)
        assert await neighbor.python(_INOTIFY, "20", "0") == "took 20"


@pytest.mark.parametrize("boot", [OWN, SHARED], ids=["own_user", "shared_user"])
async def test_pipe_memory_not_taken_from_neighbor(make_guest: Callable[..., Guest], boot: Boot) -> None:
    """A user whose pipes have 64 MiB (pipe-user-pages-soft) gets new ones with one or two pages only.

    With a shared user the neighbor is hurt, which proves that the attack works."""
    hoarder = replace(boot, command=("python", "-c", _PIPES))
    async with make_guest(boot=hoarder) as attacker, make_guest(boot=boot) as neighbor:
        await _taken(attacker)
        size = int(await neighbor.python(_PIPE_SIZE))
        assert (size == _PIPE_BYTES) is (boot is OWN), size


async def test_pseudo_terminals_are_counted_for_the_whole_computer(make_guest: Callable[..., Guest]) -> None:
    """Each guest has a devpts of its own, but kernel.pty.max counts all of them together, whatever the user.

    So no guest is isolated here, and the capability says so."""
    async with make_guest(boot=OWN) as neighbor:
        before = int(await neighbor.python(_PTYS_IN_USE))
        async with make_guest(boot=replace(OWN, command=("python", "-c", _PTYS, str(_TERMINALS)))) as attacker:
            await _taken(attacker)
            assert int(await neighbor.python(_PTYS_IN_USE)) >= before + _TERMINALS
        assert "kernel.pty.max" in neighbor.driver.capabilities().of("user").why


async def test_users_and_open_files_differ_from_the_host(make_guest: Callable[..., Guest]) -> None:
    async with make_guest(boot=OWN) as guest, make_guest(boot=OWN) as neighbor:
        assert await guest.says("id", "-u") != await neighbor.says("id", "-u")
        assert int(await guest.says("id", "-u")) >= 1 << 30
        assert await guest.says("sh", "-c", "ulimit -n; ulimit -Hn") == "4096\n4096"
        assert guest.driver.capabilities().of("user").enforced
        async with make_guest() as sharing:
            found = sharing.driver.capabilities().of("user")
            assert (found.enforced, "share inotify instances and pipe memory" in found.why) == (False, True)
        assert guest.driver.capabilities().of("user").enforced
