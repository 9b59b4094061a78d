"""One process of a worker: joins a coordinator, sends its part of one run and exits.

`python -m client.load.distributed.worker_process SETTINGS`, with `WorkerSettings` as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from client.load.distributed.address import Address
from client.load.distributed.handshake import HandshakeRefused, NoResponse, introduce
from client.load.distributed.job_files import unbundle
from client.load.distributed.line_reader import BUFFER_BYTES, LineReader, detect_lost_peer
from client.load.distributed.worker_token import read_token
from client.load.engine.resource_limits import raise_file_limit
from client.load.json_codec import from_json
from client.load.worker import LINE_MAX_BYTES, LineWriter, serve_run
from client.terminal.plain_text import clean
from vmhost.base.errors import CloudError
from vmhost.base.web import run

NO_COORDINATOR, REFUSED = 3, 4
"""Exit codes: there was no coordinator; the coordinator refused it. 0: it served, or the coordinator went away."""
_CONNECT_S = 5.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 5.0


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
        """The coordinator's address."""
        return Address(host=self.host, port=self.port)

    def say(self, text: str) -> None:
        """Print a line of the log."""
        print(clean(f"worker {self.name}: {text}"), file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class CoordinatorConnection:
    """A connection on which both sides have proved themselves."""

    lines: LineReader
    writer: asyncio.StreamWriter


async def join(settings: WorkerSettings) -> CoordinatorConnection | int:
    """Connect to the coordinator, with as many tries as it takes; return an exit code when it is time to give up."""
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


async def _try(settings: WorkerSettings) -> CoordinatorConnection:
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
    return CoordinatorConnection(lines, writer)


def _error_text(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def serve_one_run(settings: WorkerSettings) -> int:
    """Join, serve one run and leave; return the exit code."""
    joined = await join(settings)
    if isinstance(joined, int):
        return joined
    settings.say(f"joined {settings.address}")
    reader, outbox = asyncio.StreamReader(limit=LINE_MAX_BYTES), LineWriter()
    outbox.connection_made(joined.writer.transport)
    try:
        with tempfile.TemporaryDirectory(prefix="glasscloud-load-") as folder:
            job = await joined.lines.next(LINE_MAX_BYTES)
            if not job:
                settings.say("the coordinator has gone")
                return 0
            feeding = asyncio.create_task(_feed(joined.lines, reader, outbox))
            try:
                reader.feed_data(unbundle(job, Path(folder)))
                await serve_run(reader, outbox)
                settings.say(f"left {settings.address}")
            except CloudError as error:
                settings.say(f"a job is refused: {error.message}")
                outbox.send({"error": {"kind": error.kind, "message": error.message}})
                await outbox.close()
            finally:
                feeding.cancel()
                await asyncio.wait([feeding])
    except OSError as error:
        settings.say(f"the connection to {settings.address} broke: {_error_text(error)}")
    finally:
        joined.writer.transport.abort()
    return 0


async def _feed(lines: LineReader, reader: asyncio.StreamReader, outbox: LineWriter) -> None:
    """Pass on what the coordinator sends after the job, for a reader of longer lines."""
    data = lines.take_held()
    try:
        while True:
            reader.feed_data(data)
            data = await lines.chunk()
            if not data:
                return
    finally:
        reader.feed_eof()
        outbox.connection_lost(None)


def main() -> int:
    """Run the process; return its exit code."""
    raise_file_limit()
    settings = from_json(WorkerSettings, json.loads(sys.argv[1]))
    with contextlib.suppress(BrokenPipeError):
        return run(lambda: serve_one_run(settings))
    return 1


if __name__ == "__main__":
    sys.exit(main())
