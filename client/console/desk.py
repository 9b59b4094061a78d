"""What the page may ask for: instances, experiments, load, searches; each carried out through the APIs that all use."""

from __future__ import annotations

from typing import Any

from client.console.actions import BY_NAME, hindrance
from client.console.asking import Asker
from client.console.feed import Feed
from client.tour.session import Session
from client.tour.world import World
from vmhost.base.errors import Conflict, NotFound


class Desk:
    """Acts for the page on one session."""

    def __init__(self, session: Session, feed: Feed, asker: Asker) -> None:
        self._session = session
        self._feed = feed
        self._asker = asker

    @property
    def world(self) -> World:
        """The cloud as it is known now."""
        return self._session.watch.world

    async def act(self, name: str, instance_id: str) -> None:
        """Does the named action to the instance. Raises NotFound, Conflict in words, and the platform's refusals."""
        action, view = BY_NAME.get(name), self.world.instances.get(instance_id)
        if action is None:
            raise NotFound(f"{name[:40]!r} is no action; expected one of {', '.join(BY_NAME)}")
        if view is None:
            raise NotFound(f"instance {instance_id[:40]!r} is not known here; expected one of this cloud's")
        why = hindrance(action, view, busy=self._feed.busy, hogging=instance_id in self.world.hogging)
        if why:
            raise Conflict(f"{action.label} {instance_id}: {why}")
        if action.do is not None:
            await action.do(self._session.cloud, instance_id)

    async def search(self, query: str) -> dict[str, Any]:
        """Sends what somebody typed; its trace id, its way, the answer's headers and the first hits."""
        asked = await self._asker.ask(query)
        self._feed.on_request(asked.record, mine=True, headers=[list(each) for each in asked.headers])
        return {
            "id": asked.record.trace.trace_id,
            "query": asked.record.query,
            "total": asked.total,
            "hits": list(asked.hits),
        }
