"""An nginx for a benchmark: one process, in the foreground, with all its files in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.measurement import MissingPrerequisite
from vmhost.base.web import listen


def require_nginx() -> str:
    """The path of nginx. Raises MissingPrerequisite without nginx or without a second core to run it on."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        raise MissingPrerequisite("needs nginx (apt install nginx-light)")
    if (os.cpu_count() or 1) < 2 or not hasattr(os, "sched_setaffinity"):
        raise MissingPrerequisite("needs Linux with two cores")
    return nginx


def nginx_arguments(folder: Path, name: str, http: str) -> list[str]:
    """The arguments for a single-process nginx in the foreground with that `http` block."""
    home = folder / name
    home.mkdir()
    paths = "".join(
        f"{kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = home / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {home}/pid; error_log stderr error;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000;\n{paths}{http}\n}}\n"
    )
    return ["-p", str(home), "-c", str(config), "-e", "stderr"]


@contextlib.asynccontextmanager
async def pinned(command: Sequence[str], *, core: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program on one core inside the context."""
    process = await asyncio.create_subprocess_exec("taskset", "-c", str(core), *command)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(10):
            await process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(listen("127.0.0.1", 0)).getsockname()[1] for _ in range(count)]
