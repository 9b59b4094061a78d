"""Running guests that cannot answer though the engine says nothing of it: their program was stopped by a signal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container.namespaces import Namespaces, Place

_EVERY_S = 2.0
_log = get_logger("driver")


class Health:
    """Looks at the programs of all running guests every two seconds and tells of each that stopped or goes on."""

    def __init__(
        self,
        places: Callable[[], Mapping[str, Place]],
        namespaces: Namespaces,
        tell: Callable[[str], None],
        *,
        every_s: float = _EVERY_S,
    ) -> None:
        """`places` gives the running guests by instance id; `tell` is called with an instance id."""
        self._places = places
        self._namespaces = namespaces
        self._tell = tell
        self._every_s = every_s
        self._frozen: frozenset[str] = frozenset()

    def is_frozen(self, container_id: str) -> bool:
        """Whether the container's program did not run when it was looked at last."""
        return container_id in self._frozen

    def look(self, container_id: str) -> None:
        """Something happened to the container; if it is a running guest, that is told."""
        for instance_id, place in self._places().items():
            if place.container_id == container_id:
                self._tell(instance_id)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            places = dict(self._places())
            try:
                frozen = await self._namespaces.stopped(tuple(places.values()))
            except CloudError as error:
                _log.debug("health_not_seen", error=error.message)
                continue
            changed = frozen ^ self._frozen
            self._frozen = frozen
            for instance_id, place in places.items():
                if place.container_id in changed:
                    self._tell(instance_id)
