"""A served cloud with fake instances, and boto3 on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.ec2.ec2_clients import Ec2
from tests.integration.ec2.ec2_server import Served, served


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def ec2(cloud: Served) -> AsyncIterator[Ec2]:
    client = Ec2(cloud)
    yield client
    client.client.close()
