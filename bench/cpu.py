"""The CPU that instances really get: guarantees, shares by weight, ceilings, and a light service beside CPU hogs.

The cores of each instance are read from its control group. "Busy" means that three programs that never wait run outside
the instances, where platform, front end and load generator run, and that busy instances fill every host.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Sequence

from bench.cpu_usage import (
    MeasuredInstance,
    UsedCores,
    busy_programs,
    call,
    entitled,
    light_service_ms,
    start_busy_loops,
    used_cores,
)
from bench.measurement import Measurement, MissingPrerequisite, at_least, at_most, spread
from bench.platform_setup import Platform, platform, require_engine
from vmhost.api.views import HostView, InstanceView

SECONDS = 6.0
LIGHT_SECONDS = 10.0
ROUNDS = 3
TYPES = ("t2.nano", "t3.nano", "t3.micro", "t3.small")
"""0.05, 0.1, 0.2 and 0.4 guaranteed cores, so their weights are 1, 2, 4 and 8."""
_LIGHT_TYPE = "t3.nano"
_BUSY_PROGRAMS = 3
_SETTLE_S = 1.0


async def run() -> list[Measurement]:
    """All measurements of this file, on one platform."""
    require_engine()
    async with platform("container") as cloud:
        snapshot = await cloud.client.status()
        cores = next((each for each in snapshot.capabilities if each.name == "cores"), None)
        if cores is None or not cores.enforced:
            raise MissingPrerequisite(
                f"needs hosts with their own CPUs ({cores.why if cores else 'this platform has no such hosts'})"
            )
        await asyncio.gather(*(_fill(cloud, host) for host in snapshot.hosts))
        instances = await _instances(cloud)
        figures = [*await _mixed(instances, snapshot.hosts), *await _alone(instances)]
        await _remove(cloud)
        return [*figures, *await _light(cloud, snapshot.hosts)]


async def _fill(cloud: Platform, host: HostView) -> None:
    """Launches instances of each type in turn, as many as fit on the host, at least two."""
    free, made = host.cpu_cores - host.cpu_used, 0
    offers = {kind.name: kind for kind in (await cloud.client.types()).types}
    memory = host.memory_mib - host.memory_used_mib
    for name in TYPES * len(host.cpus):
        kind = offers[name]
        if kind.limits.cpu_guaranteed_cores <= free + 1e-6 and kind.memory_mib <= memory:
            await cloud.client.run_instances(image_id=await _image(cloud), type_name=name, host_id=host.id)
            free, memory, made = free - kind.limits.cpu_guaranteed_cores, memory - kind.memory_mib, made + 1
    if made < 2:
        raise MissingPrerequisite(f"needs a host on which two instances fit; {host.id} has {host.memory_mib} MiB")


async def _mixed(instances: Sequence[MeasuredInstance], hosts: Sequence[HostView]) -> list[Measurement]:
    """What each instance gets when all hosts are full of busy instances, without and with busy programs outside."""
    await start_busy_loops(instances, 2 * SECONDS + 6 * _SETTLE_S)
    await asyncio.sleep(_SETTLE_S)
    quiet = await used_cores(instances, SECONDS)
    async with busy_programs(_BUSY_PROGRAMS, seconds_max=SECONDS + 10):
        await asyncio.sleep(_SETTLE_S)
        busy = await used_cores(instances, SECONDS)
    await asyncio.sleep(4 * _SETTLE_S)
    return [*_shares(instances, hosts, quiet, ""), *_shares(instances, hosts, busy, ", platform's programs busy")]


def _shares(
    instances: Sequence[MeasuredInstance], hosts: Sequence[HostView], got: UsedCores, when: str
) -> list[Measurement]:
    """The worst instance by its guarantee and by its weight, and the cores of every instance."""
    kept, off, details = [], [], []
    for host in hosts:
        here = [
            (instance, cores) for instance, cores in zip(instances, got.each, strict=True) if instance.host == host.id
        ]
        due = entitled(sum(cores for _, cores in here), [instance for instance, _ in here])
        kept += [cores / instance.guaranteed for instance, cores in here]
        off += [abs(cores / share - 1) for (_, cores), share in zip(here, due, strict=True)]
        details += [
            f"{host.id} {instance.type_name} {cores:.3f}, by weight {share:.3f}, guaranteed {instance.guaranteed:g}"
            for (instance, cores), share in zip(here, due, strict=True)
        ]
    details.append(f"programs outside instances {got.others:.2f}")
    return [
        at_least(
            f"CPU-bound instances{when}: worst, of its guaranteed cores", 100 * min(kept), 95, "%", "; ".join(details)
        ),
        at_most(f"  worst, off its share by weight{when}", 100 * max(off), 10, "%"),
    ]


async def _alone(instances: Sequence[MeasuredInstance]) -> list[Measurement]:
    """One instance of each type, alone on the computer."""
    off, details = [], []
    for instance in {instance.type_name: instance for instance in instances}.values():
        await start_busy_loops([instance], SECONDS / 2 + 2 * _SETTLE_S)
        await asyncio.sleep(_SETTLE_S)
        got = await used_cores([instance], SECONDS / 2)
        (cores,) = got.each
        await asyncio.sleep(2 * _SETTLE_S)
        off.append(abs(cores / instance.ceiling - 1))
        details.append(f"{instance.type_name} {cores:.3f} of {instance.ceiling:g} beside others' {got.others:.2f}")
    return [at_most("CPU-bound instance alone: off its ceiling", 100 * max(off), 5, "%", "; ".join(details))]


async def _light(cloud: Platform, hosts: Sequence[HostView]) -> list[Measurement]:
    """A light service and three CPU hogs of its type on the first host; when busy, the other hosts are full."""
    first = hosts[0]
    image = await _image(cloud)
    for host in hosts:
        count = 4 if host == first else max(1, len(host.cpus))
        await cloud.client.run_instances(image_id=image, type_name=_LIGHT_TYPE, count=count, host_id=host.id)
    light, *hogs = (instances := await _instances(cloud))
    assert light.host == first.id
    near = [hog for hog in hogs if hog.host == first.id]
    quiet, beside, busy = [], [], []
    for _ in range(ROUNDS):
        quiet.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await start_busy_loops(near, LIGHT_SECONDS + 2)
        beside.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await asyncio.sleep(2)
        await start_busy_loops([instance for instance in instances if instance != light], LIGHT_SECONDS + 3)
        async with busy_programs(_BUSY_PROGRAMS, seconds_max=LIGHT_SECONDS + 10):
            busy.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await asyncio.sleep(3)
    base = statistics.median(quiet)
    name = "light service beside three hogs: p99 above quiet"
    detail = f"p99 quiet {spread(quiet, 'ms')}; "
    return [
        at_most(name, statistics.median(beside) - base, 10, "ms", detail + f"beside {spread(beside, 'ms')}"),
        at_most(f"{name}, platform's programs busy", statistics.median(busy) - base, 15, "ms", spread(busy, "ms")),
    ]


def _p99(sorted_ms: Sequence[float]) -> float:
    return sorted_ms[int(0.99 * (len(sorted_ms) - 1))]


async def _image(cloud: Platform) -> str:
    return next(each.id for each in await cloud.client.describe_images() if each.name == "glasscloud-minimal")


async def _instances(cloud: Platform) -> list[MeasuredInstance]:
    """Every instance once all run, sorted by host and then by launch."""
    async with asyncio.timeout(60):
        while True:
            snapshot = await cloud.client.status()
            views = [each for each in snapshot.instances if each.state != "terminated"]
            if all(each.state == "running" for each in views):
                break
            await asyncio.sleep(0.1)
    views.sort(key=lambda view: (view.host, view.launched_at, view.id))
    return [await _measured(snapshot.cloud, view) for view in views]


async def _measured(cloud: str, view: InstanceView) -> MeasuredInstance:
    container = f"{cloud}-{view.id}"
    found = json.loads(await call("docker", "inspect", container))[0]
    assert view.limits is not None
    return MeasuredInstance(
        container=container,
        type_name=view.type,
        host=view.host,
        guaranteed=view.limits.cpu_guaranteed_cores,
        ceiling=view.limits.cpu_quota_cores,
        pid=int(found["State"]["Pid"]),
    )


async def _remove(cloud: Platform) -> None:
    """Terminate every instance and wait until all are gone."""
    views = [each.id for each in await cloud.client.describe_instances() if each.state != "terminated"]
    await cloud.client.terminate_instances(views)
    async with asyncio.timeout(60):
        while any(each.state != "terminated" for each in await cloud.client.describe_instances()):
            await asyncio.sleep(0.1)
