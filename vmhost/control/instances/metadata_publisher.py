"""Gives the driver each instance's metadata, which the instance can read from the metadata service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.control.deadline import deadline
from vmhost.control.instances.record import Instance, InstanceState
from vmhost.control.resources import Table
from vmhost.control.timeouts import Timeouts
from vmhost.drivers.ports import Networks
from vmhost.metadata.instance_facts import InstanceFacts
from vmhost.model.image import Image
from vmhost.model.region import ACCOUNT_ID, REGION

_log = get_logger("metadata")


class MetadataPublisher:
    """Updates an instance's metadata in the driver after each change of the instance. Retries failed updates."""

    def __init__(
        self,
        networks: Networks,
        instances: Table[Instance],
        images: Mapping[str, Image],
        *,
        timeouts: Timeouts,
        clock: Clock,
    ) -> None:
        self._networks = networks
        self._instances = instances
        self._images = images
        self._timeouts = timeouts
        self._clock = clock
        self._changed: set[str] = {instance.id for instance in instances}
        self._wake = asyncio.Event()
        instances.listen(lambda changed, _: self._note(changed.id))

    def _note(self, instance_id: str) -> None:
        self._changed.add(instance_id)
        self._wake.set()

    async def run(self) -> None:
        """Publish changes until cancelled."""
        while True:
            self._wake.clear()
            await self.publish()
            retry = self._clock.call_later(self._timeouts.resync_s, self._wake.set) if self._changed else None
            try:
                await self._wake.wait()
            finally:
                if retry is not None:
                    retry.cancel()

    async def publish(self) -> None:
        """Publish the metadata of instances that changed, or whose last update failed."""
        changed, self._changed = self._changed, set()
        for instance_id in changed:
            try:
                async with deadline(self._clock, self._timeouts.measure_s, f"setting the metadata of {instance_id}"):
                    await self._set(instance_id)
            except CloudError as error:
                _log.warning("metadata_update_failed", id=instance_id, error=error.message)
                self._changed.add(instance_id)

    async def _set(self, instance_id: str) -> None:
        instance = self._instances.find(instance_id)
        if instance is None or instance.state is InstanceState.TERMINATED:
            await self._networks.drop_metadata(instance_id)
        else:
            await self._networks.set_metadata(instance_id, facts_of(instance, self._images.get(instance.image_id)))


def facts_of(instance: Instance, image: Image | None) -> InstanceFacts:
    """Return the metadata of an instance."""
    return InstanceFacts(
        instance_id=instance.id,
        instance_type=instance.type_name,
        image_id=instance.image_id,
        zone=instance.zone,
        region=REGION,
        address=instance.address,
        architecture=image.architecture if image else "x86_64",
        reservation_id=instance.reservation_id,
        launch_index=instance.launch_index,
        launched_at=instance.launched_at,
        account_id=ACCOUNT_ID,
        user_data=instance.user_data,
        key_name=instance.key_name,
        public_key=instance.public_key,
        tags=instance.tags,
    )
