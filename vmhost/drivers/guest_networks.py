"""The part of the `Networks` port that drivers have in common: guests' metadata, served where the guests are."""

from __future__ import annotations

from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.metadata.metadata_server import InstanceMetadata


class GuestNetworks:
    """Keeps guests' metadata. The driver opens a listening socket for each guest, by which `server` identifies it."""

    def __init__(self) -> None:
        self._facts: dict[str, InstanceFacts] = {}
        self.server = InstanceMetadata(self._facts.get)

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        self._facts[instance_id] = facts

    async def drop_metadata(self, instance_id: str) -> None:
        self._facts.pop(instance_id, None)
