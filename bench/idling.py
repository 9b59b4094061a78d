"""CPU and memory of the control plane while it has eight instances and nothing to do."""

from __future__ import annotations

import asyncio

from bench.measurement import Measurement, at_most
from bench.platform_setup import cpu_seconds, platform, require_engine, resident_mib

SECONDS = 20.0
INSTANCES = 8


async def run() -> list[Measurement]:
    """CPU and memory of the `vmhost` process over twenty idle seconds."""
    require_engine()
    async with platform("container", "--overcommit", "4") as cloud:
        image = next(each.id for each in await cloud.client.describe_images() if each.name == "glasscloud-minimal")
        await cloud.client.run_instances(image_id=image, type_name="t3.nano", count=INSTANCES)
        while any(each.state != "running" for each in await cloud.client.describe_instances()):
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)
        before = cpu_seconds(cloud.pid)
        await asyncio.sleep(SECONDS)
        share = 100 * (cpu_seconds(cloud.pid) - before) / SECONDS
        return [
            at_most(f"control plane idle with {INSTANCES} instances: CPU", share, 1.0, "% of a core"),
            at_most(f"control plane idle with {INSTANCES} instances: memory", resident_mib(cloud.pid), 120, "MiB"),
        ]
