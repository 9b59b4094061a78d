"""Runs programs and serves aiohttp apps: signals, the lifeline to the parent process, ports, the ready file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.base.files import write_atomically
from vmhost.base.logs import get_logger

if TYPE_CHECKING:
    from aiohttp import web

    from vmhost.base.listener import Bounds
    from vmhost.base.web_guard import Refuse

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

LIFELINE = "GLASSCLOUD_LIFELINE"
"""Environment variable: file number of an inherited pipe's reading end. The program stops when its writer ends."""

_PORTS_TRIED = 50
_PORT_MAX = 65535
_FILES_MAX = 65_536
_log = get_logger("program")


def run(main: Callable[[], Awaitable[int | None]]) -> int:
    """Run an async program under uvloop and return its exit code.

    SIGINT, SIGTERM and the end of the lifeline cancel `main` once, so that its `finally` blocks clean up; that counts
    as success. A CloudError becomes one line on standard error and code 1."""
    _open_more_files()
    try:
        return uvloop.run(_until_stopped(main))
    except CloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _open_more_files() -> None:
    """Raise the soft limit on open files to the hard one; it is low only for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _until_stopped(main: Callable[[], Awaitable[int | None]]) -> int:
    task = asyncio.ensure_future(main())
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    _watch_lifeline(loop, stop)
    try:
        return await task or 0
    except asyncio.CancelledError:
        if stopping:
            return 0
        raise


def _watch_lifeline(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    number = os.environ.pop(LIFELINE, "")
    if not number.isdecimal():
        return
    fd = int(number)
    os.set_inheritable(fd, False)
    os.set_blocking(fd, False)

    def readable() -> None:
        try:
            gone = not os.read(fd, 512)
        except BlockingIOError:
            return
        if gone:
            loop.remove_reader(fd)
            stop()

    loop.add_reader(fd, readable)


def listen(host: str, port: int, *, search: bool = False) -> socket.socket:
    """Return a listening TCP socket; port 0 chooses a free port.

    With `search`, up to 50 following ports are tried if the port is in use. Raises InvalidInput for an invalid port, or
    an address that is in use or not this computer's."""
    if not 0 <= port <= _PORT_MAX:
        raise InvalidInput(f"port {port} is out of range (0 to {_PORT_MAX})")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(port + _PORTS_TRIED, _PORT_MAX) if search and port else port
    for candidate in range(port, last + 1):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(1024)
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE and candidate < last:
                continue
            raise InvalidInput(_refusal(host, candidate, error)) from error
        sock.setblocking(False)
        return sock
    raise InvalidInput(f"all ports from {port} to {last} on {host} are in use; choose another port")


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program; stop it or choose another port with --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this user has; choose a port above 1023"
    return f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; use an address of this computer"


@contextlib.asynccontextmanager
async def serve(
    app: web.Application | Handler,
    sock: socket.socket,
    *,
    drain_s: float = 2.0,
    line_bytes_max: int = 8190,
    bounds: Bounds | None = None,
    refuse: Refuse | None = None,
) -> AsyncIterator[str]:
    """Serve the app on a listening socket inside the context; gives its URL.

    A bare handler gets every request without aiohttp's routing, which costs a small program a fifth of its speed. What
    is not HTTP, or has a line longer than `line_bytes_max`, is refused by `refuse`, by default in plain text.
    Connections and the time that clients take are limited (`vmhost.base.listener`). At the end it stops accepting,
    gives running requests `drain_s` to finish, and closes."""
    from vmhost.base import listener  # loads aiohttp, half a second that programs without a server save

    bounds = bounds or listener.Bounds(head={"max_line_size": line_bytes_max})
    async with listener.served(app, sock, bounds=bounds, drain_s=drain_s, refuse=refuse):
        yield url_of(sock)


def url_of(sock: socket.socket) -> str:
    """Return the http URL of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def write_ready(path: Path | None, **facts: Any) -> None:
    """Write the ready file, from which the parent process learns that and where this program runs (JSON)."""
    if path is not None:
        write_atomically(path, msgspec.json.encode({"pid": os.getpid(), **facts}).decode())
