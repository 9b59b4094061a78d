"""Search in a leaf: one container instance of type t3.micro, the whole corpus, 500 checked queries per second.

Each round starts a platform and an instance, and sends queries from the first response on: nothing is warmed up.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import server
from bench.measurement import Measurement, at_most, spread
from bench.platform_setup import IMAGE, first_response, platform, require_engine
from client.load.plan.model import constant
from client.load.run import LoadRun
from vmhost.api.client import CloudClient

RATE_PER_S = 500.0
SECONDS = 10.0
ROUNDS = 3
_IMAGES = str(Path(server.__file__).parent / "images.toml")


async def run() -> list[Measurement]:
    """The median of three rounds' p99, counted from each query's scheduled time."""
    require_engine()
    with tempfile.NamedTemporaryFile(suffix=".json") as queries:
        queries.write(await asyncio.to_thread(_queries_in_image))
        queries.flush()
        rounds = [await _round(queries.name) for _ in range(ROUNDS)]
    name = "search in a leaf at 500 queries/s from its first moment: p99"
    return [at_most(name, statistics.median(rounds), 5.0, "ms", spread(rounds))]


def _queries_in_image() -> bytes:
    """The queries of the image's corpus; the documentation of another Python has other totals than this one's."""
    code = "from server.api.queries import index_folder; print((index_folder() / 'queries.json').read_text())"
    command = ["docker", "run", "--rm", "--entrypoint", "python", IMAGE, "-c", code]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


async def _round(queries: str) -> float:
    """The p99 in ms of a new leaf's first seconds."""
    async with platform("container", "--images", _IMAGES) as cloud:
        image = next(each.id for each in await cloud.client.describe_images() if each.name == "glasscloud-search")
        data = json.dumps({"shard": 0, "shards": 1}).encode()
        (instance,) = await cloud.client.run_instances(image_id=image, type_name="t3.micro", user_data=data)
        address = await _address(cloud.client, instance.id)
        await first_response(address, 8080, path="/healthz")
        return await _loaded_p99(f"http://{address}:8080", queries)


async def _address(client: CloudClient, instance_id: str) -> str:
    async with asyncio.timeout(30):
        while True:
            (found,) = await client.describe_instances({"instance-id": [instance_id]})
            if found.state == "running" and found.address:
                return found.address
            await asyncio.sleep(0.05)


async def _loaded_p99(url: str, queries: str) -> float:
    async with LoadRun() as load:
        await load.start(constant(url, RATE_PER_S, corpus=queries, duration_s=SECONDS))
        report = await load.finished()
    if report.summary.failed:
        raise RuntimeError(f"{report.summary.failed} of {report.summary.completed} queries failed")
    p99 = report.summary.response.p99
    assert p99 is not None
    return p99
