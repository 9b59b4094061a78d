"""The part of the `Networks` port that drivers have in common: guests' metadata, served where the guests are."""

from __future__ import annotations

from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.metadata.metadata_server import InstanceMetadata


class GuestNetworks:
    """Keeps guests' metadata. The driver opens a listening socket for each guest, by which `server` identifies it."""

    def __init__(self) -> None:
        self.facts: dict[str, InstanceFacts] = {}
        self.server = InstanceMetadata(self.facts.get)

    async def set_metadata(self, instance_id: str, facts: InstanceFacts) -> None:
        self.facts[instance_id] = facts

    async def drop_metadata(self, instance_id: str) -> None:
        self.facts.pop(instance_id, None)
