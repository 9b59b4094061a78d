"""Container instances: first response compared with `docker run`, many at once, noticed crashes, terminations."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import time
import uuid

from bench.measurement import Measurement, at_least, at_most, spread
from bench.platform_setup import IMAGE, Platform, first_response, platform, require_engine
from vmhost.api.views import InstanceView

ROUNDS = 7
TOGETHER = 20
KILLS = 20
_TYPE = "t3.nano"


async def run() -> list[Measurement]:
    """All measurements of this file, on one platform."""
    require_engine()
    async with platform("container", "--overcommit", "8") as cloud:
        image = await _minimal_image(cloud)
        return [
            await _launch_ratio(cloud, image),
            await _launch_many(cloud, image),
            await _terminate_four(cloud, image),
            await _noticed_crashes(cloud, image),
        ]


async def _launch_ratio(cloud: Platform, image: str) -> Measurement:
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(await _bare_run())
        ours.append(await _our_run(cloud, image))
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    return at_most(
        "container: RunInstances to its first 200, beside a bare docker run",
        statistics.median(ratios),
        1.3,
        "x",
        f"ratios {spread(ratios)}; ours {spread(ours, 's')}; docker run {spread(bare, 's')}",
    )


async def _our_run(cloud: Platform, image: str) -> float:
    started = time.monotonic()
    (instance,) = await cloud.client.run_instances(image_id=image, type_name=_TYPE)
    running = await _until(cloud, [instance.id], "running")
    assert running[0].address is not None
    answered = await first_response(running[0].address, running[0].port or 8080)
    await _terminate(cloud, [instance.id])
    return answered - started


async def _bare_run() -> float:
    name = f"bench-bare-{uuid.uuid4().hex[:8]}"
    started = time.monotonic()
    run = ["docker", "run", "-d", "--name", name, "-e", "HOST=0.0.0.0", "-e", "PORT=8080", "--entrypoint", "python"]
    await _call(*run, IMAGE, "-m", "vmhost.catalogue.hello")
    try:
        address = await _call(
            "docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
        )
        return await first_response(address.strip(), 8080) - started
    finally:
        await _call("docker", "rm", "-f", name)


async def _launch_many(cloud: Platform, image: str) -> Measurement:
    started = time.monotonic()
    launched = await cloud.client.run_instances(image_id=image, type_name=_TYPE, count=TOGETHER)
    running = await _until(cloud, [each.id for each in launched], "running")
    took = time.monotonic() - started
    await asyncio.gather(*(first_response(each.address or "", each.port or 8080) for each in running))
    await _terminate(cloud, [each.id for each in launched])
    return at_least(
        f"{TOGETHER} instances launched together that answer", len(running), TOGETHER, "instances", f"{took:.1f} s"
    )


async def _terminate_four(cloud: Platform, image: str) -> Measurement:
    times = []
    for _ in range(3):
        launched = await cloud.client.run_instances(image_id=image, type_name=_TYPE, count=4)
        ids = [each.id for each in launched]
        await _until(cloud, ids, "running")
        times.append(await _terminate(cloud, ids))
    return at_most("terminating 4 instances", statistics.median(times), 1.0, "s", spread(times, "s"))


async def _noticed_crashes(cloud: Platform, image: str) -> Measurement:
    """Kill instances with `docker kill`; measures the time until the API reports it."""
    times = []
    (instance,) = await cloud.client.run_instances(image_id=image, type_name=_TYPE)
    for _ in range(KILLS):
        await _until(cloud, [instance.id], "running")
        container = await _container_of(instance.id)
        started = time.monotonic()
        await _call("docker", "kill", container)
        await _until(cloud, [instance.id], "stopped")
        times.append(time.monotonic() - started)
        await cloud.client.start_instances([instance.id])
    await _until(cloud, [instance.id], "running")
    await _terminate(cloud, [instance.id])
    noticed = sum(1 for each in times if each < 1.0)
    return at_least("deaths noticed within 1 s, the kill command included", noticed, KILLS, "of 20", spread(times, "s"))


async def _minimal_image(cloud: Platform) -> str:
    images = await cloud.client.describe_images()
    return next(image.id for image in images if image.name == "glasscloud-minimal")


async def _until(cloud: Platform, ids: list[str], state: str, *, timeout_s: float = 60) -> tuple[InstanceView, ...]:
    async with asyncio.timeout(timeout_s):
        while True:
            found = await cloud.client.describe_instances({"instance-id": ids})
            if all(each.state == state for each in found):
                return found
            await asyncio.sleep(0.005)


async def _terminate(cloud: Platform, ids: list[str]) -> float:
    started = time.monotonic()
    await cloud.client.terminate_instances(ids)
    await _until(cloud, ids, "terminated")
    return time.monotonic() - started


async def _container_of(instance_id: str) -> str:
    listing = await _call("docker", "ps", "-aq", "--filter", f"label=glasscloud.instance={instance_id}")
    return listing.strip()


async def _call(*command: str) -> str:
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{json.dumps(command)} exited with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout
