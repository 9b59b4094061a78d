"""Kernel limits that count per user: what one guest takes is not taken from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from container_guest import Guest
from engine_world import SLEEPER

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

OWN = replace(SLEEPER, user="own")
_INOTIFY = """
import ctypes, sys, time
libc, taken = ctypes.CDLL(None), 0
while taken < int(sys.argv[1]) and libc.inotify_init() >= 0:
    taken += 1
print(taken, flush=True)
time.sleep(float(sys.argv[2]))
"""


async def test_inotify_instances_are_not_taken_from_a_neighbor(make_guest: Callable[..., Guest]) -> None:
    """The kernel gives each user 128 of them."""
    hoarder = replace(OWN, command=("python", "-c", _INOTIFY, "5000", "60"))
    async with make_guest(boot=hoarder), make_guest(boot=OWN) as neighbor:
        assert await neighbor.python(_INOTIFY, "20", "0") == "20"


async def test_users_and_open_files_differ_from_the_hosts(make_guest: Callable[..., Guest]) -> None:
    async with make_guest(boot=OWN) as guest, make_guest(boot=OWN) as neighbor:
        assert await guest.says("id", "-u") != await neighbor.says("id", "-u")
        assert int(await guest.says("id", "-u")) >= 1 << 30
        assert await guest.says("sh", "-c", "ulimit -n; ulimit -Hn") == "4096\n4096"
        assert guest.driver.capabilities().of("user").enforced
        async with make_guest() as sharing:
            found = sharing.driver.capabilities().of("user")
            assert (found.enforced, "shares kernel user limits" in found.why) == (False, True)
        assert guest.driver.capabilities().of("user").enforced
