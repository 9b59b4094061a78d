"""Deploying the service on a real platform with the fake driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from server.frontend.deployment import Deployment, check_capacity, deploy
from server.frontend.main import DEFAULT_IMAGE
from tests.fakes import SeededIds
from tests.integration.server_frontend.leaves import until_true
from vmhost.api.client import CloudClient
from vmhost.api.views import FleetView
from vmhost.app import platform
from vmhost.base.errors import InvalidInput, NoCapacity
from vmhost.settings import Settings

IMAGES = Path(__file__).parents[3] / "server" / "images.toml"
WANTED = Deployment(service="search", shards=2, replicas=2, image_id=DEFAULT_IMAGE, type_name="t3.nano")
IDS = SeededIds(1)


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[CloudClient]:
    settings = Settings(driver="fake", port=0, state=tmp_path, images=(IMAGES,))
    async with platform(settings) as up, CloudClient(up.access) as made:
        yield made


async def fleets(client: CloudClient) -> dict[str, FleetView]:
    found = [fleet for fleet in await client.describe_fleets() if not fleet.state.startswith("deleted")]
    return {fleet.tags["search:shard"]: fleet for fleet in found}


async def running(client: CloudClient, count: int) -> None:
    async def enough() -> bool:
        return len(await client.describe_instances({"instance-state-name": ["running"]})) == count

    await until_true(enough)


async def test_each_shard_gets_a_fleet(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    assert {shard: fleet.target for shard, fleet in (await fleets(client)).items()} == {"0": 2, "1": 2}
    await running(client, 4)
    tags = [view.tags for view in await client.describe_instances()]
    assert sorted(each["search:shard"] for each in tags) == ["0", "0", "1", "1"]
    assert {each["search:service"] for each in tags} == {"search"}


async def test_deploying_again_changes_nothing(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    before = await fleets(client)
    await deploy(client, WANTED, IDS)
    assert {shard: fleet.id for shard, fleet in (await fleets(client)).items()} == {
        shard: fleet.id for shard, fleet in before.items()
    }
    await running(client, 4)
    assert len(await client.describe_launch_templates()) == 2


async def test_other_replica_count_adjusts_fleets(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    before = await fleets(client)
    await deploy(client, replace(WANTED, replicas=3), IDS)
    after = await fleets(client)
    assert {fleet.id for fleet in after.values()} == {fleet.id for fleet in before.values()}
    assert {fleet.target for fleet in after.values()} == {3}
    await running(client, 6)


async def test_another_type_or_shard_count_replaces_fleets(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    await deploy(client, replace(WANTED, type_name="t3.micro", shards=1), IDS)
    assert list(await fleets(client)) == ["0"]
    await running(client, 2)
    alive = await client.describe_instances({"instance-state-name": ["running"]})
    assert {view.type for view in alive} == {"t3.micro"}
    assert len(await client.describe_launch_templates()) == 1


async def test_services_are_independent(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    await deploy(client, replace(WANTED, service="other", shards=1), IDS)
    await deploy(client, WANTED, IDS)
    await running(client, 6)


async def test_shortage_is_refused_before_launching(client: CloudClient) -> None:
    with pytest.raises(NoCapacity, match=r"fit here; \d+ fit. To continue: start \d+, or use --overcommit"):
        await check_capacity(client, replace(WANTED, replicas=5000))
    with pytest.raises(InvalidInput, match=r"t3.nanoo does not exist; did you mean t3.nano\?"):
        await check_capacity(client, replace(WANTED, type_name="t3.nanoo"))
    assert await fleets(client) == {}
    await check_capacity(client, WANTED)


async def test_service_with_fleets_is_not_refused(client: CloudClient) -> None:
    await deploy(client, WANTED, IDS)
    await check_capacity(client, replace(WANTED, replicas=5000))
