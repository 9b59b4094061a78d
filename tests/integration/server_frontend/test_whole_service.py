"""The whole service on a real platform: instances are launched, discovered, searched, killed under load, replaced."""

from __future__ import annotations

import asyncio
import json
import random
from argparse import ArgumentParser
from pathlib import Path

import aiohttp

from server.api.results import Document
from server.api.timing import parse
from server.frontend.deployment import deploy
from server.frontend.main import add_arguments, checked_options, serving
from server.index.index_folder import IndexFolder, Manifest
from tests.integration.server_frontend.leaves import until_true
from vmhost.api.client import CloudClient
from vmhost.app import platform
from vmhost.base.clock import SystemClock
from vmhost.base.ids import RandomIds
from vmhost.settings import Settings

IMAGES = Path(__file__).parents[3] / "server" / "images.toml"


def small_index(path: Path) -> Path:
    """An index folder of forty documents, from which each leaf builds its shard."""
    folder = IndexFolder(path)
    path.mkdir()
    folder.write_documents(
        Document(id=f"page.{number:02}", title=f"Page {number}", kind="page", body=f"apple and number {number}")
        for number in range(40)
    )
    folder.write_manifest(Manifest(documents=40, digest="d", source="s", shards=(), library=""))
    return path


async def test_killed_instance_loses_no_request(tmp_path: Path) -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    ready = tmp_path / "ready.json"
    options = checked_options(
        parser.parse_args(["--port", "0", "--index", str(small_index(tmp_path / "index")), "--ready", str(ready)])
    )
    settings = Settings(driver="process", port=0, state=tmp_path / "state", images=(IMAGES,))
    async with platform(settings) as up, CloudClient(up.access) as cloud:
        await deploy(cloud, options.deployment, RandomIds())
        async with (
            serving(cloud, options, SystemClock(), random.Random(1)) as url,
            aiohttp.ClientSession() as session,
        ):
            assert json.loads(ready.read_text())["url"] == url

            async def replicas() -> list[str]:
                async with session.get(f"{url}/status") as response:
                    shards = (await response.json())["shards"]
                return [each["instance_id"] for shard in shards for each in shard["replicas"]]

            async def complete() -> bool:
                return len(await replicas()) == 4

            await until_true(complete, within_s=20)
            before = await replicas()
            await _load_and_kill(cloud, session, url, victim=before[0])
            await until_true(complete, within_s=20)
            assert len(set(await replicas()) - set(before)) >= 1
            async with session.get(f"{url}/doc/page.07") as page:
                assert (page.status, "number 7" in await page.text()) == (200, True)


async def _load_and_kill(cloud: CloudClient, session: aiohttp.ClientSession, url: str, *, victim: str) -> set[str]:
    """Search for 1.5 s and kill `victim` meanwhile; returns who answered. All answers must be complete."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 1.5
    answered: set[str] = set()

    async def user() -> None:
        while loop.time() < end:
            async with session.get(f"{url}/search?q=apple&format=json") as response:
                answer = await response.json()
                trace = parse(response.headers["Server-Timing"])
            assert (response.status, answer["total"], answer["partial"], len(answer["hits"])) == (200, 40, False, 10)
            assert trace is not None
            answered.update(attempt.instance_id for attempt in trace.attempts if attempt.outcome == "won")
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(user())
        await asyncio.sleep(0.5)
        await cloud.inject_fault("kill", victim)
    return answered
