"""What instances really get of the CPU: guarantees, shares by weight, ceilings, and a light service beside hogs.

Each instance's cores are read from its own control group. "Busy" means that three programs that never wait run where
the platform, the front end and the load generator do, and that hungry instances fill every host.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Sequence

from bench.cpu_groups import Guest, Received, busy_programs, call, entitled, hungry, light_service_ms, received
from bench.figures import Figure, Missing, at_least, at_most, spread
from bench.machines import Platform, need_engine, platform
from vmhost.api.views import HostView, InstanceView

SECONDS = 6.0
LIGHT_SECONDS = 10.0
ROUNDS = 3
TYPES = ("t2.nano", "t3.nano", "t3.micro", "t3.small")
"""Guaranteed 0.05, 0.1, 0.2 and 0.4 cores: weights 1 to 2 to 4 to 8."""
_LIGHT_TYPE = "t3.nano"
_BUSY_PROGRAMS = 3
_SETTLE_S = 1.0


async def run() -> list[Figure]:
    """All figures of this file, on one platform."""
    need_engine()
    async with platform("container") as cloud:
        snapshot = await cloud.client.status()
        cores = next((each for each in snapshot.capabilities if each.name == "cores"), None)
        if cores is None or not cores.enforced:
            raise Missing(f"needs hosts with CPUs of their own ({cores.why if cores else 'this platform has none'})")
        await asyncio.gather(*(_fill(cloud, host) for host in snapshot.hosts))
        guests = await _guests(cloud)
        figures = [*await _mixed(guests, snapshot.hosts), *await _alone(guests)]
        await _remove(cloud)
        return [*figures, *await _light(cloud, snapshot.hosts)]


async def _fill(cloud: Platform, host: HostView) -> None:
    """Instances of each type in turn, as many as the host guarantees their share, at least two."""
    free, made = host.cpu_cores - host.cpu_used, 0
    offers = {kind.name: kind for kind in (await cloud.client.types()).types}
    memory = host.memory_mib - host.memory_used_mib
    for name in TYPES * len(host.cpus):
        kind = offers[name]
        if kind.limits.cpu_guaranteed_cores <= free + 1e-6 and kind.memory_mib <= memory:
            await cloud.client.run_instances(image_id=await _image(cloud), type_name=name, host_id=host.id)
            free, memory, made = free - kind.limits.cpu_guaranteed_cores, memory - kind.memory_mib, made + 1
    if made < 2:
        raise Missing(f"needs a host on which two instances fit; {host.id} has {host.memory_mib} MiB")


async def _mixed(guests: Sequence[Guest], hosts: Sequence[HostView]) -> list[Figure]:
    """All hosts full of hungry instances: what each gets, without and with busy programs beside."""
    await hungry(guests, 2 * SECONDS + 6 * _SETTLE_S)
    await asyncio.sleep(_SETTLE_S)
    quiet = await received(guests, SECONDS)
    async with busy_programs(_BUSY_PROGRAMS, seconds_max=SECONDS + 10):
        await asyncio.sleep(_SETTLE_S)
        busy = await received(guests, SECONDS)
    await asyncio.sleep(4 * _SETTLE_S)
    return [*_shares(guests, hosts, quiet, ""), *_shares(guests, hosts, busy, ", platform's programs busy")]


def _shares(guests: Sequence[Guest], hosts: Sequence[HostView], got: Received, when: str) -> list[Figure]:
    """The worst instance by its guarantee and by its weight, and every instance's cores."""
    kept, off, told = [], [], []
    for host in hosts:
        here = [(guest, cores) for guest, cores in zip(guests, got.each, strict=True) if guest.host == host.id]
        due = entitled(sum(cores for _, cores in here), [guest for guest, _ in here])
        kept += [cores / guest.guaranteed for guest, cores in here]
        off += [abs(cores / share - 1) for (_, cores), share in zip(here, due, strict=True)]
        told += [
            f"{host.id} {guest.type_name} {cores:.3f}, by weight {share:.3f}, guaranteed {guest.guaranteed:g}"
            for (guest, cores), share in zip(here, due, strict=True)
        ]
    told.append(f"programs outside instances {got.others:.2f}")
    return [
        at_least(f"hungry instances{when}: worst, of its guaranteed cores", 100 * min(kept), 95, "%", "; ".join(told)),
        at_most(f"  worst, off its share by weight{when}", 100 * max(off), 10, "%"),
    ]


async def _alone(guests: Sequence[Guest]) -> list[Figure]:
    """One of each type, alone on the machine."""
    off, told = [], []
    for guest in {guest.type_name: guest for guest in guests}.values():
        await hungry([guest], SECONDS / 2 + 2 * _SETTLE_S)
        await asyncio.sleep(_SETTLE_S)
        got = await received([guest], SECONDS / 2)
        (cores,) = got.each
        await asyncio.sleep(2 * _SETTLE_S)
        off.append(abs(cores / guest.ceiling - 1))
        told.append(f"{guest.type_name} {cores:.3f} of {guest.ceiling:g} beside others' {got.others:.2f}")
    return [at_most("hungry instance alone: off its ceiling", 100 * max(off), 5, "%", "; ".join(told))]


async def _light(cloud: Platform, hosts: Sequence[HostView]) -> list[Figure]:
    """A light service and three hogs of its type on the first host; hungry instances fill the others when busy."""
    first = hosts[0]
    image = await _image(cloud)
    for host in hosts:
        count = 4 if host == first else max(1, len(host.cpus))
        await cloud.client.run_instances(image_id=image, type_name=_LIGHT_TYPE, count=count, host_id=host.id)
    light, *hogs = (guests := await _guests(cloud))
    assert light.host == first.id
    near = [hog for hog in hogs if hog.host == first.id]
    quiet, beside, busy = [], [], []
    for _ in range(ROUNDS):
        quiet.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await hungry(near, LIGHT_SECONDS + 2)
        beside.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await asyncio.sleep(2)
        await hungry([guest for guest in guests if guest != light], LIGHT_SECONDS + 3)
        async with busy_programs(_BUSY_PROGRAMS, seconds_max=LIGHT_SECONDS + 10):
            busy.append(_p99(await light_service_ms(light, LIGHT_SECONDS)))
        await asyncio.sleep(3)
    base = statistics.median(quiet)
    name = "light service beside three hogs: p99 above quiet"
    told = f"p99 quiet {spread(quiet, 'ms')}; "
    return [
        at_most(name, statistics.median(beside) - base, 10, "ms", told + f"beside {spread(beside, 'ms')}"),
        at_most(f"{name}, platform's programs busy", statistics.median(busy) - base, 15, "ms", spread(busy, "ms")),
    ]


def _p99(sorted_ms: Sequence[float]) -> float:
    return sorted_ms[int(0.99 * (len(sorted_ms) - 1))]


async def _image(cloud: Platform) -> str:
    return next(each.id for each in await cloud.client.describe_images() if each.name == "glasscloud-minimal")


async def _guests(cloud: Platform) -> list[Guest]:
    """Every instance once all run, by host and then in order of launch."""
    async with asyncio.timeout(60):
        while True:
            snapshot = await cloud.client.status()
            views = [each for each in snapshot.instances if each.state != "terminated"]
            if all(each.state == "running" for each in views):
                break
            await asyncio.sleep(0.1)
    views.sort(key=lambda view: (view.host, view.launched_at, view.id))
    return [await _guest(snapshot.cloud, view) for view in views]


async def _guest(cloud: str, view: InstanceView) -> Guest:
    container = f"{cloud}-{view.id}"
    found = json.loads(await call("docker", "inspect", container))[0]
    assert view.limits is not None
    return Guest(
        container=container,
        type_name=view.type,
        host=view.host,
        guaranteed=view.limits.cpu_guaranteed_cores,
        ceiling=view.limits.cpu_quota_cores,
        pid=int(found["State"]["Pid"]),
    )


async def _remove(cloud: Platform) -> None:
    """Every instance, and waits until all are gone."""
    views = [each.id for each in await cloud.client.describe_instances() if each.state != "terminated"]
    await cloud.client.terminate_instances(views)
    async with asyncio.timeout(60):
        while any(each.state != "terminated" for each in await cloud.client.describe_instances()):
            await asyncio.sleep(0.1)
