"""Finds running guests whose program was stopped by a signal, which the engine does not report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container.namespaces import Namespaces
from vmhost.drivers.container.netns import ContainerProcess

_EVERY_S = 2.0
_log = get_logger("driver")


class GuestHealth:
    """Checks the programs of all running guests every two seconds and reports each that was stopped or continued."""

    def __init__(
        self,
        running: Callable[[], Mapping[str, ContainerProcess]],
        namespaces: Namespaces,
        on_change: Callable[[str], None],
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        """`running` returns the running guests by instance id; `on_change` is called with an instance id."""
        self._running = running
        self._namespaces = namespaces
        self._on_change = on_change
        self._every_s = every_s
        self._frozen: frozenset[str] = frozenset()

    def is_frozen(self, container_id: str) -> bool:
        """Return whether the container's program was stopped at the last check."""
        return container_id in self._frozen

    def look(self, container_id: str) -> None:
        """Report a change of the container, if it is a running guest."""
        for instance_id, process in self._running().items():
            if process.container_id == container_id:
                self._on_change(instance_id)

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            running = dict(self._running())
            try:
                frozen = await self._namespaces.stopped(tuple(running.values()))
            except CloudError as error:
                _log.debug("health_check_failed", error=error.message)
                continue
            changed = frozen ^ self._frozen
            self._frozen = frozen
            for instance_id, process in running.items():
                if process.container_id in changed:
                    self._on_change(instance_id)
