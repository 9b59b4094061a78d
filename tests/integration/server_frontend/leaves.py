"""Stub leaves: real servers on real sockets that speak the leaf's HTTP and can fail in several ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from server.frontend.replicas import LeafInstance


class StubLeaf:
    """One leaf. Set `delay_s`, `status` or `raw` to make it fail; `kill` ends it like a crash."""

    def __init__(self, shard: int, name: str, hits: list[dict[str, Any]] | None = None) -> None:
        self.shard = shard
        self.name = name
        self.hits = hits if hits is not None else [hit(f"{name}-{i}", 10.0 - i) for i in range(3)]
        self.delay_s = 0.0
        self.gate = asyncio.Event()
        """Responses wait while it is not set."""
        self.gate.set()
        self.status = 200
        self.raw: bytes | None = None
        self.plain = False
        """Whether its search responses are ordinary JSON, without hits on lines of their own."""
        self.heads: list[str] = []
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def instance(self) -> LeafInstance:
        return LeafInstance(
            instance_id=f"i-{self.name}",
            type="t3.nano",
            host="host-a",
            shard=self.shard,
            address="127.0.0.1",
            port=self.port,
        )

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Closes the port and resets every connection."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                await self.gate.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(self.raw if self.raw is not None else self._answer(head.split(" ")[1]))
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _answer(self, target: str) -> bytes:
        status, body = self.status, self._body(target)
        if body is None:
            status, body = 404, {"error": "no such document"}
        extra, raw = "", json.dumps(body).encode()
        if "hits" in body and not self.plain:
            lines = ",\n".join(json.dumps(each) for each in self.hits)
            raw = (json.dumps({**body, "hits": []})[:-2] + f"\n{lines}\n]}}").encode()
            extra = f"X-Hits: {len(self.hits)} {' '.join(str(each['score']) for each in self.hits)}\r\n"
        return (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n{extra}"
            f"Server-Timing: search;dur=1.05\r\nX-Instance: i-{self.name}\r\n\r\n"
        ).encode() + raw

    def _body(self, target: str) -> dict[str, Any] | None:
        path = target.partition("?")[0]
        if path == "/healthz":
            return {"status": "ok", "shard": self.shard}
        if path == "/doc":
            found = [each for each in self.hits if target.endswith(f"id={each['id']}")]
            return {**found[0], "body": "All of it."} if found else None
        return {"query": "q", "total": len(self.hits), "took_ms": 1.0, "partial": False, "hits": self.hits}


def hit(name: str, score: float) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Title {name}",
        "url": f"/doc/{name}",
        "kind": "page",
        "snippet": [["some ", False], ["text", True]],
        "score": score,
    }


async def until(condition: Callable[[], object], within_s: float = 3.0) -> None:
    """Return once the condition is true."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def until_true(condition: Callable[[], Awaitable[bool]], within_s: float = 5.0) -> None:
    """Return once the condition is true."""
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def leaves(*wanted: tuple[int, str]) -> AsyncIterator[list[StubLeaf]]:
    """Start a leaf for each (shard, name)."""
    started = [StubLeaf(shard, name) for shard, name in wanted]
    try:
        for leaf in started:
            await leaf.start()
        yield started
    finally:
        for leaf in started:
            await leaf.close()
