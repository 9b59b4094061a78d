"""What the hosts have promised, told when it changes, so that nobody has to ask again or to add it up himself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vmhost.api.views import HostView


class HostUsagePublisher:
    """Tells of each host whose promises are others than before."""

    def __init__(self, read: Callable[[], tuple[HostView, ...]], publish: Callable[[HostView], None]) -> None:
        self._read = read
        self._publish = publish
        self._told = frozenset(read())
        self._due = False

    def look(self) -> None:
        """Something changed that may have changed them. Many changes in one go are looked at once, after the last."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._due = False
        now = self._read()
        for view in now:
            if view not in self._told:
                self._publish(view)
        self._told = frozenset(now)
