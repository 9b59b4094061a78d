"""Starts and stops the audience's listener, and shows its state on the console's page."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import time
from dataclasses import dataclass
from typing import Any

from client.console.event_log import LogEntry
from client.console.publisher import Publisher
from client.console.share.addresses import qr_svg
from client.console.share.audience import Audience
from client.search_service import SearchService
from vmhost.base.errors import Conflict, InvalidInput, NotFound
from vmhost.base.listener import Bounds, served
from vmhost.base.logs import get_logger
from vmhost.base.web import listen

PORT = 8081
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,5}")
_SHOW_EVERY_S = 0.5
_DRAIN_S = 1.0
BOUNDS = Bounds(
    connections=600,
    each_address=24,
    keepalive_s=15.0,
    head={"max_line_size": 2048, "max_field_size": 4096, "max_headers": 48},
)
"""Limits for strangers: the phones of a whole class, each with few connections and small requests."""
_log = get_logger("share")


@dataclass(slots=True, kw_only=True)
class _Shared:
    """What runs while sharing is on."""

    url: str
    audience: Audience
    stack: contextlib.AsyncExitStack


class Sharing:
    """Shares one console with an audience. `why` says why that is impossible; empty if it is possible."""

    def __init__(self, publisher: Publisher, service: SearchService, *, why: str = "") -> None:
        self.why = why
        self._publisher = publisher
        self._service = service
        self._shared: _Shared | None = None
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """The page's address for phones; empty while sharing is off."""
        return "" if self._shared is None else self._shared.url

    async def start(self, address: str, *, port: int = PORT, name: str = "") -> str:
        """Serve on that address of this computer, on that port or the next free one; return the URL for phones.

        `name`: the host name by which phones reach the address, used in place of its number. Raises InvalidInput if the
        address is not this computer's, Conflict if sharing is on or impossible."""
        if self.why:
            raise Conflict(self.why)
        check_address(address)
        host = check_name(name) if name else address
        async with self._lock:
            if self._shared is not None:
                raise Conflict(f"sharing is already on at {self._shared.url}; stop it first")
            sock = listen(address, port, search=True)
            url = f"http://{host}:{sock.getsockname()[1]}"
            audience = Audience(self._publisher, self._service, host=host, own=address, on_change=self._changed.set)
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(sock.close)
                await stack.enter_async_context(
                    # With cancellation a phone that leaves frees its stream at once, not at the next write to it.
                    served(audience.respond, sock, bounds=BOUNDS, drain_s=_DRAIN_S, handler_cancellation=True)
                )
                # Closed before the server, which waits for streams to end.
                stack.callback(audience.stream.close)
                for work in (audience.stream.run(), self._show_state()):
                    stack.push_async_callback(_cancel, asyncio.create_task(work))
                self._shared = _Shared(url=url, audience=audience, stack=stack.pop_all())
        _log.info("share_started", url=url)
        self._add_entry(f"the audience's page is open at {url}", tone="warning")
        return url

    async def stop(self) -> None:
        """Close every phone's connection and free the port. Idempotent."""
        async with self._lock:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            await shared.stack.aclose()
        _log.info("share_stopped", url=shared.url)
        reached = phones(shared.audience.participants.reached)
        self._add_entry(f"the audience's page is closed; {reached} had opened it", tone="neutral")

    def state(self) -> dict[str, Any] | None:
        """Return the state for the page; None while sharing is off."""
        if self._shared is None:
            return None
        audience = self._shared.audience
        return {
            "url": self._shared.url,
            "qr": "/api/share/qr.svg",
            "reached": audience.participants.reached,
            "connected": audience.stream.phones,
            "participants": audience.participants.latest(),
        }

    def qr_code(self) -> bytes:
        """Return the address as a picture. Raises NotFound while sharing is off."""
        if self._shared is None:
            raise NotFound("sharing is not on", code="NotFound")
        return qr_svg(f"{self._shared.url}/")

    async def _show_state(self) -> None:
        """Show the state on the console's page, at most twice a second."""
        while True:
            self._publisher.share.set(self.state())
            self._publisher.mark_changed()
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(_SHOW_EVERY_S)

    def _add_entry(self, text: str, *, tone: str) -> None:
        self._publisher.share.set(self.state())
        at = time.time()
        self._publisher.add_entry(LogEntry(id=f"share-{at:.3f}", at=at, text=text, tone=tone))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    for result in await asyncio.gather(task, return_exceptions=True):
        if isinstance(result, Exception):
            _log.error("share_task_failed", exc_info=result)


def phones(count: int) -> str:
    """Return the number of phones in words."""
    return "no phone" if not count else "1 phone" if count == 1 else f"{count} phones"


def check_address(text: str) -> str:
    """Return the address. Raises InvalidInput if it cannot be one computer's own, such as 0.0.0.0."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidInput(f"{text[:60]!r} is not an IPv4 address of this computer, such as 192.168.1.7") from None
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        raise InvalidInput(f"{text} is not the address of one computer; name one of this computer's own")
    return text


def check_name(text: str) -> str:
    """Return the host name in lower case. Raises InvalidInput if it is not a host name."""
    name = text.lower().rstrip(".")
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{text[:60]!r} is not a host name, such as laptop.local")
    return name
