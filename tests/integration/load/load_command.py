"""The command `glasscloud load` as a process, and the website that it sends requests to."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).parents[3]


class Website:
    """Answers every path, and counts what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: dict[str, int] = {}
        self.requests: list[tuple[str, bytes, str]] = []
        self.busy = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        self.requests.append((request.method, await request.read(), request.headers.get("Content-Type", "")))
        if sum(self.asked.values()) >= 20:
            self.busy.set()
        return web.Response(text=f"you asked {request.path}", status=500 if request.path == "/bad" else 200)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "client", "load", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT
    )


async def load(*arguments: str) -> tuple[int | None, str, str]:
    """The command's exit code, output and errors."""
    async with asyncio.timeout(60):
        process = await start(*arguments)
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
