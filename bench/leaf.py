"""Search in a warm leaf: one container instance of type t3.micro, the whole corpus, 500 checked queries per second."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import server
from bench.figures import Figure, at_most, spread
from bench.machines import IMAGE, first_answer, need_engine, platform
from client.load.control import LoadRun
from client.load.plan.words import constant
from vmhost.api.client import CloudClient

RATE_PER_S = 500.0
SECONDS = 10.0
WARM_UP_PER_S = 200.0
WARM_UP_S = 20.0
"""A leaf cuts a document into passages when it is first found; this many queries find most of them once."""
ROUNDS = 3
_IMAGES = str(Path(server.__file__).parent / "images.toml")


async def run() -> list[Figure]:
    """The median of three rounds' p99, counted from each query's scheduled time."""
    need_engine()
    with tempfile.NamedTemporaryFile(suffix=".json") as queries:
        queries.write(await asyncio.to_thread(_queries_in_image))
        queries.flush()
        rounds = await _measure(queries.name)
    return [
        at_most("search in a warm leaf at 500 queries/s: p99", statistics.median(rounds), 5.0, "ms", spread(rounds))
    ]


def _queries_in_image() -> bytes:
    """What the image's corpus can be asked; another Python's documentation has other totals than this one's."""
    code = "from server.api.queries import index_folder; print((index_folder() / 'queries.json').read_text())"
    command = ["docker", "run", "--rm", "--entrypoint", "python", IMAGE, "-c", code]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


async def _measure(queries: str) -> list[float]:
    async with platform("container", "--images", _IMAGES) as cloud:
        image = next(each.id for each in await cloud.client.describe_images() if each.name == "glasscloud-search")
        data = json.dumps({"shard": 0, "shards": 1}).encode()
        (instance,) = await cloud.client.run_instances(image_id=image, type_name="t3.micro", user_data=data)
        address = await _address(cloud.client, instance.id)
        await first_answer(address, 8080, path="/healthz")
        url = f"http://{address}:8080"
        await _round(url, queries, rate_per_s=WARM_UP_PER_S, seconds=WARM_UP_S)
        return [await _round(url, queries) for _ in range(ROUNDS)]


async def _address(client: CloudClient, instance_id: str) -> str:
    async with asyncio.timeout(30):
        while True:
            (found,) = await client.describe_instances({"instance-id": [instance_id]})
            if found.state == "running" and found.address:
                return found.address
            await asyncio.sleep(0.05)


async def _round(url: str, queries: str, *, rate_per_s: float = RATE_PER_S, seconds: float = SECONDS) -> float:
    async with LoadRun() as load:
        await load.start(constant(url, rate_per_s, corpus=queries, duration_s=seconds))
        report = await load.finished()
    if report.summary.failed:
        raise RuntimeError(f"{report.summary.failed} of {report.summary.completed} queries failed")
    p99 = report.summary.response.p99
    assert p99 is not None
    return p99
