"""The worker's side: one process joins a coordinator, sends its part of one run and exits; a fresh one follows it.

`python -m client.load.distributed.worker_process SETTINGS` is such a process, with `WorkerSettings` as JSON.
`supervise_workers` keeps a number of them running on this computer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from client.load.distributed.connection import BUFFER_BYTES, Address, LineReader, detect_lost_peer
from client.load.distributed.handshake import HandshakeRefused, NoResponse, introduce, read_token
from client.load.distributed.job_files import unbundle
from client.load.generator_limits import raise_file_limit
from client.load.worker import LINE_MAX_BYTES, LineWriter, decode_job, refuse_job, serve_run
from client.terminal.plain_text import clean
from vmhost.base.errors import CloudError
from vmhost.base.web import LIFELINE, run

NO_COORDINATOR, REFUSED = 3, 4
"""Exit codes: there was no coordinator; the coordinator refused it. 0: it served, or the coordinator went away."""
_CONNECT_S = 5.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 5.0
_GRACE_S = 2.0
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The coordinator that a process joins, and the name it uses; `wait_s` None waits for ever, also if refused."""

    host: str
    port: int
    name: str
    token_file: str | None = None
    wait_s: float | None = None

    @property
    def address(self) -> Address:
        return Address(host=self.host, port=self.port)

    def say(self, text: str) -> None:
        """Print a line of the log."""
        print(clean(f"worker {self.name}: {text}"), file=sys.stderr, flush=True)


Connection = tuple[LineReader, asyncio.StreamWriter]


async def join(settings: WorkerSettings) -> Connection | int:
    """Connect to the coordinator until both sides are authenticated, with as many tries as it takes; return an
    exit code when it is time to give up."""
    began, pause_s, shown = time.monotonic(), _FIRST_PAUSE_S, ""
    while True:
        try:
            return await _try(settings)
        except (NoResponse, OSError, CloudError) as error:
            reason = f"cannot join {settings.address}: {_error_text(error)}"
            if settings.wait_s is not None and time.monotonic() - began + pause_s > settings.wait_s:
                settings.say(f"{reason}; waited {settings.wait_s:g} s")
                return NO_COORDINATOR
        except HandshakeRefused as error:
            reason, pause_s = f"refused by {settings.address}: {error}", _LAST_PAUSE_S
            if settings.wait_s is not None:
                settings.say(reason)
                return REFUSED
        if reason != shown:
            settings.say(f"{reason}; trying again")
            shown = reason
        # Many workers of one coordinator must not come back all at once.
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)


async def _try(settings: WorkerSettings) -> Connection:
    secret = read_token(None if settings.token_file is None else Path(settings.token_file)).secret()
    async with asyncio.timeout(_CONNECT_S):
        reader, writer = await asyncio.open_connection(settings.host, settings.port, limit=BUFFER_BYTES)
    lines = LineReader(reader)
    try:
        detect_lost_peer(writer)
        await introduce(lines, writer, secret, settings.name)
    except BaseException:
        writer.transport.abort()
        raise
    return lines, writer


def _error_text(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def serve_one_run(settings: WorkerSettings) -> int:
    """Join, serve one run and leave; return the exit code."""
    joined = await join(settings)
    if isinstance(joined, int):
        return joined
    lines, writer = joined
    settings.say(f"joined {settings.address}")
    outbox = LineWriter(writer.wait_closed)
    outbox.connection_made(writer.transport)
    try:
        with tempfile.TemporaryDirectory(prefix="glasscloud-load-") as folder:
            line = await lines.next(LINE_MAX_BYTES)
            if not line:
                settings.say("the coordinator has gone")
                return 0
            try:
                job = unbundle(decode_job(line), Path(folder))
                await serve_run(job, lambda: lines.next(LINE_MAX_BYTES), outbox)
                settings.say(f"left {settings.address}")
            except CloudError as error:
                settings.say(f"a job is refused: {error.message}")
                await refuse_job(outbox, error)
    except OSError as error:
        settings.say(f"the connection to {settings.address} broke: {_error_text(error)}")
    finally:
        writer.transport.abort()
    return 0


# Its supervisor


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
            sys.executable, "-m", "client.load.distributed.worker_process", msgspec.json.encode(settings).decode(),
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


def main() -> int:
    raise_file_limit()
    settings = msgspec.json.decode(sys.argv[1], type=WorkerSettings)
    with contextlib.suppress(BrokenPipeError):
        return run(lambda: serve_one_run(settings))
    return 1


if __name__ == "__main__":
    sys.exit(main())
