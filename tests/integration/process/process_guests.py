"""Guests to try the process driver with."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping

import psutil

from vmhost.model.guest import GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

DEADLINE_S = 10.0

WEB = """
import os, socket
server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    peer, _ = server.accept()
    with peer:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
"""


def limits(memory_mib: int = 256, pids: int = 64) -> Limits:
    """A small guest's."""
    return Limits(
        cpu_guaranteed_cores=0.1,
        cpu_quota_cores=1.0,
        cpu_weight=100,
        memory_mib=memory_mib,
        pids=pids,
        disk_gib=1,
        network_mbps=100,
    )


def python(
    name: str, program: str, *, memory_mib: int = 256, pids: int = 64, environment: Mapping[str, str] | None = None
) -> GuestSpec:
    """A guest that runs a Python program."""
    return GuestSpec(
        instance_id=name,
        host_id="host-a",
        boot=Boot(command=(sys.executable, "-S", "-c", program), environment=environment or {}),
        limits=limits(memory_mib, pids),
    )


async def until(condition: Callable[[], bool], what: str) -> None:
    """Polls until the condition holds; fails after some seconds."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs (one that waits to be reaped does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
