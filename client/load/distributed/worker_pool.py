"""The coordinator's side: a pool of workers that join and leave, from which runs take what they need."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType

from client.load.distributed.connection import BUFFER_BYTES, Address, LineReader, detect_lost_peer
from client.load.distributed.handshake import (
    REFUSED_AFTER_S,
    Decision,
    HandshakeRefused,
    WorkerToken,
    admit,
    encode_line,
)
from client.load.distributed.remote_worker import RemoteWorker
from client.load.workers import Worker
from vmhost.base.errors import CloudError, Unavailable
from vmhost.base.web import listen

UNPROVEN_MAX = 32
"""The most connections without a proof at once; further ones are closed."""
WAIT_S = 30.0

Say = Callable[[str], None]


class WorkerPool:
    """Listens for workers while its block lasts; a `WorkerSource` of those that have joined and are in no run.

    Each is one process and serves one run; a moment later a fresh process joins in its place. `say` is called with a
    line for each worker that joins, leaves or is lost in a run, `warn` for each that is refused."""

    def __init__(
        self,
        address: Address,
        token: WorkerToken,
        *,
        say: Say = lambda _: None,
        warn: Say = lambda _: None,
        wait_s: float = WAIT_S,
    ) -> None:
        self.address = address
        """Where it listens; after the start with the port that it got."""
        self._token = token
        self._say = say
        self._warn = warn
        self._wait_s = wait_s
        self._free: list[RemoteWorker] = []
        self.count = 0
        """How many workers have joined, including those in a run."""
        self._names: set[str] = set()
        self._strangers = 0
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> WorkerPool:
        """Raises InvalidInput for an address that is taken or not of this computer."""
        sock = listen(self.address.host, self.address.port)
        self._server = await asyncio.start_server(self._connected, sock=sock, limit=BUFFER_BYTES)
        self.address = replace(self.address, port=sock.getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for(self, count: int, timeout_s: float) -> None:
        """Wait until this many workers have joined and are in no run. Raises Unavailable if they come too late."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: len(self._free) >= count)
        except TimeoutError:
            raise Unavailable(
                f"{len(self._free)} of {count} workers have joined at {self.address} within {timeout_s:g} s;"
                f" start more with: glasscloud load worker {self.address} --token-file FILE"
            ) from None

    async def changed(self, count: int) -> None:
        """Wait until the number of workers that have joined is another."""
        async with self._news:
            await self._news.wait_for(lambda: self.count != count)

    async def acquire(self, wanted: int) -> Sequence[Worker]:
        """Take this number of workers, those that joined first; wait a while for them. Raises Unavailable."""
        await self.wait_for(wanted, self._wait_s)
        taken, self._free = self._free[:wanted], self._free[wanted:]
        return taken

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._strangers >= UNPROVEN_MAX:
            writer.transport.abort()
            return
        self._strangers += 1
        task = asyncio.create_task(self._serve(LineReader(reader), writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, lines: LineReader, writer: asyncio.StreamWriter) -> None:
        # A connection that has already ended has no address.
        host, port = (writer.get_extra_info("peername") or ("nowhere", 0))[:2]
        where = Address(host=host, port=port)
        try:
            try:
                detect_lost_peer(writer)
                name = await admit(lines, writer, self._token.secret())
            except (HandshakeRefused, CloudError, OSError) as error:
                self._warn(f"refused a worker from {where}: {error}")
                await self._refuse(
                    writer, str(error) if isinstance(error, HandshakeRefused) else "the coordinator has no token"
                )
                return
            finally:
                self._strangers -= 1
            shown = self._distinct(f"{name} at {host}")
            try:
                await self._keep(RemoteWorker(shown, lines, writer))
            finally:
                self._names.discard(shown)
        finally:
            writer.transport.abort()

    def _distinct(self, name: str) -> str:
        """The name, with a number if another worker has it: containers and cloned computers share theirs."""
        numbered = (f"{name} ({number})" for number in itertools.count(2))
        shown = next(each for each in itertools.chain([name], numbered) if each not in self._names)
        self._names.add(shown)
        return shown

    async def _refuse(self, writer: asyncio.StreamWriter, reason: str) -> None:
        await asyncio.sleep(REFUSED_AFTER_S)
        writer.write(encode_line(Decision(refused=reason)))
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REFUSED_AFTER_S):
                await writer.wait_closed()

    async def _keep(self, worker: RemoteWorker) -> None:
        self._free.append(worker)
        try:
            await self._change_count(1)
            self._say(f"worker {worker.name} has joined")
            await worker.listen()
        finally:
            if worker in self._free:
                self._free.remove(worker)
                self._say(f"worker {worker.name} has left: {worker.exit_reason()}")
            elif worker.lost:
                self._say(f"worker {worker.name} is lost: {worker.exit_reason()}")
            await self._change_count(-1)

    async def _change_count(self, more: int) -> None:
        self.count += more
        async with self._news:
            self._news.notify_all()
