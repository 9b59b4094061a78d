"""Serves the metrics of a run under way over HTTP, for Prometheus."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from client.load.report.prometheus import CONTENT_TYPE
from vmhost.base.errors import InvalidInput

if TYPE_CHECKING:
    from aiohttp import web

LOOPBACK = "127.0.0.1"
PATH = "/metrics"
_ADDRESS = re.compile(r"(?:(?P<name>[A-Za-z0-9.-]+)?:|\[(?P<six>[0-9A-Fa-f:.]+)\]:)?(?P<port>[0-9]{1,5})")


@contextlib.asynccontextmanager
async def serve_metrics(address: str, latest: Callable[[], str]) -> AsyncIterator[str]:
    """Serve the text that `latest` returns at /metrics while the context lasts; gives its URL.

    `address` is HOST:PORT, or a port of the loopback address; port 0 takes any. Raises InvalidInput for an address that
    is not understood, is taken or is not this computer's: enter the context before the run starts."""
    from aiohttp import web  # takes half a second with the next import; runs without metrics need not wait for it

    from vmhost.base.web import listen, serve

    host, port = parse_address(address)
    try:
        sock = listen(host, port)
    except InvalidInput as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else error.message
        raise InvalidInput(
            f"metrics cannot be served on {address}: {why}; use a free port of this computer, such as {LOOPBACK}:0"
        ) from error

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=latest().encode(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get(PATH, metrics)
    async with serve(app, sock) as url:
        yield f"{url}{PATH}"


def parse_address(address: str) -> tuple[str, int]:
    """Host, without brackets, and port. Raises InvalidInput."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise InvalidInput(f"address {address!r} is not understood; expected HOST:PORT such as {LOOPBACK}:9400")
    return match["name"] or match["six"] or LOOPBACK, int(match["port"])
