"""What instances can read about themselves follows their records."""

from __future__ import annotations

import pytest
from fake_cloud import World, launch, until

from vmhost.base.errors import Unavailable
from vmhost.metadata.instance_facts import InstanceFacts


def _facts(world: World, instance_id: str) -> InstanceFacts | None:
    return world.driver.networks.facts.get(instance_id)


async def test_metadata_follows_tags_and_ends_with_the_instance(world: World) -> None:
    async with world.up() as cloud:
        one = await launch(cloud)
        await until(lambda: getattr(_facts(world, one.id), "address", None) == one.address)
        cloud.tags.add([one.id], {"Name": "web"})
        await until(lambda: getattr(_facts(world, one.id), "tags", None) == {"Name": "web"})
        cloud.instances.terminate([one.id])
        await until(lambda: _facts(world, one.id) is None)


async def test_restarted_platform_knows_metadata_before_the_driver_opens(world: World) -> None:
    async with world.up(remove=False) as cloud:
        one = await launch(cloud)
    cloud = world.cloud()
    world.engine.down = True
    with pytest.raises(Unavailable):
        await cloud.open()
    assert _facts(world, one.id) is not None
