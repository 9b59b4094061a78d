"""Begins and ends the audience's listener, and tells the console's page how it stands."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import time
from dataclasses import dataclass
from typing import Any

from client.console.asking import Asker
from client.console.feed import Feed
from client.console.log import Entry
from client.console.share.audience import Audience
from client.console.share.qr import svg
from vmhost.base.errors import Conflict, InvalidInput, NotFound
from vmhost.base.listener import Bounds, served
from vmhost.base.logs import get_logger
from vmhost.base.web import listen

PORT = 8081
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,5}")
_TOLD_EVERY_S = 0.5
_DRAIN_S = 1.0
BOUNDS = Bounds(
    connections=600,
    each_address=24,
    keepalive_s=15.0,
    head={"max_line_size": 2048, "max_field_size": 4096, "max_headers": 48},
)
"""For strangers: phones of a whole class, each with few connections and small requests."""
_log = get_logger("share")


@dataclass(slots=True, kw_only=True)
class _Shared:
    """What goes on while it is shared."""

    url: str
    audience: Audience
    stack: contextlib.AsyncExitStack


class Sharing:
    """One console's audience; nobody's until `start`. `why` says why it can be nobody's ever; empty where it can."""

    def __init__(self, feed: Feed, asker: Asker, *, why: str = "") -> None:
        self.why = why
        self._feed = feed
        self._asker = asker
        self._shared: _Shared | None = None
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """Where phones open it; empty while it is not shared."""
        return "" if self._shared is None else self._shared.url

    async def start(self, address: str, *, port: int = PORT, name: str = "") -> str:
        """Serves on that address of this machine, on that port or the next free one, and gives the URL for phones.

        `name`: by which phones reach the address, instead of its number. Raises InvalidInput for what is no address of
        this machine's own, Conflict while it is shared and where it can never be."""
        if self.why:
            raise Conflict(self.why)
        check_address(address)
        host = check_name(name) if name else address
        async with self._turn:
            if self._shared is not None:
                raise Conflict(f"sharing is already on at {self._shared.url}; stop it first")
            sock = listen(address, port, search=True)
            url = f"http://{host}:{sock.getsockname()[1]}"
            audience = Audience(self._feed, self._asker, host=host, own=address, told=self._news.set)
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(sock.close)
                await stack.enter_async_context(
                    # One who leaves gives its place in the stream free at once, not when it is next written to.
                    served(audience.answer, sock, bounds=BOUNDS, drain_s=_DRAIN_S, handler_cancellation=True)
                )
                # Closed before the server: it waits for streams to end.
                stack.callback(audience.cast.close)
                for work in (audience.cast.run(), self._tell()):
                    stack.push_async_callback(_ended, asyncio.create_task(work))
                self._shared = _Shared(url=url, audience=audience, stack=stack.pop_all())
        _log.info("share_began", url=url)
        self._say(f"the audience's page is open at {url}", tone="care")
        return url

    async def stop(self) -> None:
        """Ends it: every phone's connection is closed and the port is free. Idempotent."""
        async with self._turn:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            await shared.stack.aclose()
        _log.info("share_ended", url=shared.url)
        self._say(
            f"the audience's page is closed; {phones(shared.audience.guests.reached)} had opened it", tone="neutral"
        )

    def state(self) -> dict[str, Any] | None:
        """How it stands; None while it is not shared."""
        if self._shared is None:
            return None
        audience = self._shared.audience
        return {
            "url": self._shared.url,
            "qr": "/api/share/qr.svg",
            "reached": audience.guests.reached,
            "here": audience.cast.phones,
            "who": audience.guests.to_json(),
        }

    def qr(self) -> bytes:
        """The address as a picture. Raises NotFound while it is not shared."""
        if self._shared is None:
            raise NotFound("sharing is not on", code="NotFound")
        return svg(f"{self._shared.url}/")

    async def _tell(self) -> None:
        """Tells the console's readers how it stands, at most twice a second."""
        while True:
            self._feed.share.set(self.state())
            self._feed.told()
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(_TOLD_EVERY_S)

    def _say(self, text: str, *, tone: str) -> None:
        self._feed.share.set(self.state())
        at = time.time()
        self._feed.enter(Entry(id=f"share-{at:.3f}", at=at, text=text, tone=tone))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    for result in await asyncio.gather(task, return_exceptions=True):
        if isinstance(result, Exception):
            _log.error("share_task_failed", exc_info=result)


def phones(count: int) -> str:
    """The number in words."""
    return "no phone" if not count else "1 phone" if count == 1 else f"{count} phones"


def check_address(text: str) -> str:
    """The address, where one machine may have it for itself. Raises InvalidInput for any other, such as 0.0.0.0."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidInput(f"{text[:60]!r} is not an IPv4 address of this computer, such as 192.168.1.7") from None
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        raise InvalidInput(f"{text} is not the address of one computer; name one of this computer's own")
    return text


def check_name(text: str) -> str:
    """The name of a machine, in small letters. Raises InvalidInput for what is none."""
    name = text.lower().rstrip(".")
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{text[:60]!r} is not a host name, such as laptop.local")
    return name
