"""What commands would be refused for, found out without carrying them out: for dry runs, and before the commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vmhost.base.errors import Unsupported
from vmhost.control import tags as tag_rules
from vmhost.control.fleets.service import Fleets
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher
from vmhost.control.records import Records
from vmhost.control.requests import FleetRequest, LaunchRequest, TemplateRequest
from vmhost.control.templates.service import Templates
from vmhost.model.instance_type import InstanceType
from vmhost.model.lifecycle import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Each method raises the CloudErrors of the command of the same subject and changes nothing."""

    records: Records
    launcher: Launcher
    controller: InstanceController
    templates: Templates
    fleets: Fleets
    images: Collection[str]
    """The ids of the catalogue's images."""

    def launch(self, request: LaunchRequest) -> InstanceType:
        """Gives the type of what would be launched."""
        return self.launcher.check(request)

    def change(self, ids: Sequence[str], event: Event) -> None:
        """For start, stop, reboot and terminate."""
        if event is Event.START:
            self.launcher.check_room(ids)
        self.controller.check(ids, event)

    def template(self, request: TemplateRequest) -> None:
        """For a new launch template."""
        self.templates.check(request)

    def fleet(self, request: FleetRequest) -> None:
        """For a new fleet."""
        self.fleets.check(request)

    def fleet_change(self, fleet_id: str, target: int | None) -> None:
        """For another target of a fleet."""
        self.fleets.check_change(fleet_id, target)

    def tags_with(self, ids: Sequence[str], tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Gives each resource's tags as they would be with these."""
        tag_rules.check(tags)
        return {one: tag_rules.merged(self._tags_of(one), tags) for one in ids}

    def tags_without(self, ids: Sequence[str], tags: Mapping[str, str | None] | None) -> dict[str, dict[str, str]]:
        """Gives each resource's tags as they would be without these."""
        if tags is not None:
            tag_rules.check({key: value or "" for key, value in tags.items()})
        return {one: tag_rules.without(self._tags_of(one), tags) for one in ids}

    def _tags_of(self, resource_id: str) -> Mapping[str, str]:
        if resource_id in self.images:
            raise Unsupported(f"image {resource_id} comes from the catalogue; tags on images are not supported here")
        return self.records.tags_of(resource_id)
