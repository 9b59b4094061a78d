"""A platform for a benchmark, started as a user would start it, and the time of a service's first response."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.measurement import MissingPrerequisite
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.http1 import HttpFailure, build_request

IMAGE = os.environ.get("GLASSCLOUD_IMAGE", "glasscloud:latest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A running platform: a client for it and the pid of its program."""

    client: CloudClient
    pid: int


def require_engine() -> None:
    """Raises MissingPrerequisite without an engine that has our image."""
    found = (
        shutil.which("docker")
        and not subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode
    )
    if not found:
        raise MissingPrerequisite(f"needs a Docker engine with the image {IMAGE} (docker compose build)")


@contextlib.asynccontextmanager
async def platform(driver: str, *arguments: str) -> AsyncIterator[Platform]:
    """Run a platform with that driver inside the context, and remove everything of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        ready = Path(folder) / "ready.json"
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "vmhost", "--driver", driver, "--port", "0", "--state", folder],
            *["--log-level", "warning", "--cloud", f"bench-{uuid.uuid4().hex[:6]}", "--ready", str(ready), *arguments],
        )
        try:
            await until_file(ready, process)
            async with CloudClient(Access.load(Path(folder) / "access.json", environ={})) as client:
                yield Platform(client=client, pid=json.loads(ready.read_text())["pid"])
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(30):
                await process.wait()


async def until_file(path: Path, process: asyncio.subprocess.Process, *, timeout_s: float = 60) -> None:
    """Wait for a program's ready file; raises RuntimeError if the program ends first."""
    async with asyncio.timeout(timeout_s):
        while not path.exists():
            if process.returncode is not None:
                raise RuntimeError(f"the program ended with {process.returncode} before it was ready")
            await asyncio.sleep(0.02)


async def first_response(host: str, port: int, *, path: str = "/", timeout_s: float = 30) -> float:
    """Send requests without pause until one is answered with 200; returns the monotonic time of that response."""
    raw = build_request("GET", path, [("Host", host)])
    pool = ConnectionPool(host, port, limit=1)
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                if (await pool.request(raw, timeout_s=1.0)).status == 200:
                    pool.close()
                    return time.monotonic()
            except HttpFailure:
                await asyncio.sleep(0.002)


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
