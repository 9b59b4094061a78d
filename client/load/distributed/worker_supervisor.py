"""Keeps a number of worker processes running on this computer: each is followed by a fresh one after its run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

from client.load.distributed.address import Address
from client.load.distributed.worker_process import NO_COORDINATOR, REFUSED, WorkerSettings
from client.load.json_codec import to_json
from vmhost.base.web import LIFELINE

_GRACE_S = 2.0
_PAUSE_S = 0.2


def worker_settings(address: Address, *, token_file: str | None, wait_s: float | None) -> WorkerSettings:
    """The settings of this computer's worker processes, with its host name."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:56] or "worker"
    return WorkerSettings(host=address.host, port=address.port, name=name, token_file=token_file, wait_s=wait_s)


async def supervise_workers(settings: WorkerSettings, processes: int) -> int:
    """Keep this number of processes joined until they give up; return 0 if each has served, else 1.

    Cancelling ends them."""
    names = [f"{settings.name}-{number + 1}" for number in range(processes)]
    async with asyncio.TaskGroup() as tasks:
        kept = [tasks.create_task(_keep_one(replace(settings, name=name))) for name in names]
    return max(task.result() for task in kept)


async def _keep_one(settings: WorkerSettings) -> int:
    served = False
    while True:
        async with _process(settings) as process:
            code = await process.wait()
        if code in (NO_COORDINATOR, REFUSED):
            return 0 if served and code == NO_COORDINATOR else 1
        served = served or code == 0
        if code != 0:
            settings.say(f"its process ended with code {code}; another takes its place")
        await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1.5))


@contextlib.asynccontextmanager
async def _process(settings: WorkerSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in a session of its own, so that a terminal's Ctrl-C reaches it through us; it always ends with us."""
    reading, lifeline = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client.load.distributed.worker_process", json.dumps(to_json(settings)),
            stdin=asyncio.subprocess.DEVNULL, env={**os.environ, LIFELINE: str(reading)}, pass_fds=(reading,),
            start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(reading)
    try:
        yield process
    finally:
        await _end(process)
        os.close(lifeline)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_S):
                    await process.wait()
