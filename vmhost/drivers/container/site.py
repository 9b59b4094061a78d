"""What all guests of one cloud on one engine share, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.engines import find_engines
from vmhost.base.errors import CloudError, Conflict, NotFound, Unavailable
from vmhost.drivers.base import DriverContext
from vmhost.drivers.container import labels, netns, settings, walls
from vmhost.drivers.container.claim import claim, remove_containers
from vmhost.drivers.container.cores import CoreSets, available_cpus
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.hosts import HostGroups
from vmhost.drivers.container.namespaces import Direct, Namespaces
from vmhost.drivers.container.network import InstanceNetwork
from vmhost.drivers.container.output import GuestOutput, provide
from vmhost.drivers.container.ownership import Owner, Presence
from vmhost.drivers.container.reading import Container, EngineInfo, Listed
from vmhost.drivers.container.remote import Remote, remove_helper
from vmhost.drivers.container.users import GuestUsers
from vmhost.drivers.container.where import Standing, own_container, standing
from vmhost.model.guest import Capabilities

DEFAULT_IMAGE = "glasscloud:latest"
IMAGE_VARIABLE = "GLASSCLOUD_IMAGE"
_HANG_UP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An open engine with everything that guests need before the first one comes."""

    engine: Engine
    info: EngineInfo
    network: InstanceNetwork
    namespaces: Namespaces
    owner: Owner
    presence: Presence
    hosts: HostGroups
    cores: CoreSets
    users: GuestUsers
    output: GuestOutput
    cpus: tuple[int, ...]
    """Those that guests may run on."""
    setting: settings.Setting
    uncounted: str = ""
    """Why the kernel cannot count a guest's connections; empty when it can."""

    @property
    def cloud(self) -> str:
        return self.setting.cloud

    @property
    def capabilities(self) -> Capabilities:
        """Which walls hold; the hosts' as they were last prepared."""
        return walls.capabilities(
            self.info,
            disk_limited=self.setting.disk_limited,
            laid=self.namespaces.how,
            uncounted=self.uncounted,
            checked=(self.cores.capability(), self.users.capability(), self.output.capability()),
            host_why_not=self.hosts.why_not,
        )

    async def guest(self, instance_id: str) -> Container | None:
        """The guest's container; None when there is none or when one of that name is not this platform's."""
        try:
            found = await self.engine.inspect(settings.container_name(self.cloud, instance_id))
        except NotFound:
            return None
        named = found.labels.get(labels.CLOUD) == self.cloud and found.instance_id == instance_id
        return found if named and self.owner.owns(found.labels) else None

    def guest_network(self, mbps: int) -> GuestNetwork:
        """What the rules of a guest with this rate are made from."""
        plan = self.network.plan
        return GuestNetwork(network=plan.network, gateway=plan.gateway, mbps=mbps, counted=not self.uncounted)

    async def guests(self) -> tuple[Container, ...]:
        """Every guest's container of this platform."""
        found = await self.engine.find(f"{labels.CLOUD}={self.cloud}", labels.INSTANCE)
        return tuple(one for one in found if self.owner.owns(one.labels))

    async def listed(self) -> tuple[Listed, ...]:
        """The same in one call, with less about each."""
        found = await self.engine.list(f"{labels.CLOUD}={self.cloud}", labels.INSTANCE)
        return tuple(one for one in found if self.owner.owns(one.labels))

    async def close(self, *, remove: bool) -> None:
        """Lets go; with `remove`, first takes away everything of this cloud that is this platform's."""
        try:
            if remove:
                await self.engine.settle()
                await remove_all(self.engine, self.network, self.owner)
                await self.hosts.remove()
        finally:
            # Whoever waits has waited long already when the engine does not answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HANG_UP_S):
                    await self.namespaces.close()
            self.presence.close()
            await self.engine.close()


async def remove_all(engine: Engine, network: InstanceNetwork, owner: Owner) -> None:
    """Takes away every container and network of the cloud that is the owner's, and the cloud's volumes.

    A container that does not go keeps no other: all are tried before the first failure is raised."""
    ours = f"{labels.CLOUD}={network.cloud}"
    found = [one for one in await engine.list(ours) if owner.owns(one.labels)]
    await remove_containers(engine, [one.id for one in found if one.labels.get(labels.ROLE) != labels.HELPER])
    await network.remove()
    for volume in await engine.volumes(ours):
        await engine.remove_volume(volume)


async def sweep(context: DriverContext, environment: Mapping[str, str]) -> None:
    """Removes all of the cloud from the engine, also where guests could not be made: that takes no rights.

    Raises Unavailable when no engine answers, Conflict where a platform of this cloud runs."""
    engine = await Engine.connect(find_engines(environment, Path.home()))
    presence: Presence | None = None
    try:
        await _check_alone(engine, context.cloud)
        owner, presence = await claim(engine, context)
        await remove_all(engine, InstanceNetwork(engine, cloud=context.cloud, wanted=None, owner=owner), owner)
        await remove_helper(engine, context.cloud)
        await HostGroups(cloud=context.cloud, info=await engine.info(), on_engines_machine=True).remove()
    finally:
        if presence is not None:
            presence.close()
        await engine.close()


async def open_site(context: DriverContext, environment: Mapping[str, str], *, helper: bool | None) -> Site:
    """Connects to the engine and makes what guests share. `helper` forces or forbids the helper container.

    Raises Unavailable saying what does not answer or what is missing, and how to mend it."""
    engine = await Engine.connect(find_engines(environment, Path.home()))
    try:
        return await _furnished(engine, context, environment, helper=helper)
    except BaseException:
        await engine.settle(_HANG_UP_S)
        await engine.close()
        raise


async def _furnished(
    engine: Engine, context: DriverContext, environment: Mapping[str, str], *, helper: bool | None
) -> Site:
    await _check_alone(engine, context.cloud)
    owner, presence = await claim(engine, context)
    try:
        return await _opened(engine, context, environment, owner=owner, presence=presence, helper=helper)
    except BaseException:
        presence.close()
        raise


async def _opened(
    engine: Engine,
    context: DriverContext,
    environment: Mapping[str, str],
    *,
    owner: Owner,
    presence: Presence,
    helper: bool | None,
) -> Site:
    info = await engine.info()
    image = environment.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
    network = InstanceNetwork(engine, cloud=context.cloud, wanted=context.network_cidr, owner=owner)
    made = await network.open()
    try:
        here = await _reachable(engine, network, info, context.cloud)
        namespaces = await _namespaces(engine, here, context, owner, image, helper=helper)
    except BaseException:
        if made:
            with contextlib.suppress(CloudError):
                await network.remove()
        raise
    hosts = HostGroups(cloud=context.cloud, info=info, on_engines_machine=here.sees_processes)
    users = GuestUsers(info)
    uncounted = await _uncounted(namespaces, network)
    output = await provide(engine, info, cloud=context.cloud, owner=owner, image=image)
    disk_limited = walls.may_limit_disks(info) and await _limits_disks(engine, context.cloud, owner, image)
    return Site(
        engine=engine,
        info=info,
        network=network,
        namespaces=namespaces,
        owner=owner,
        presence=presence,
        hosts=hosts,
        uncounted=uncounted,
        users=users,
        output=output,
        cores=CoreSets(info=info, sees_processes=here.sees_processes),
        cpus=await available_cpus(engine, info),
        setting=settings.Setting(
            cloud=context.cloud,
            network=network.name,
            conversion=info.conversion,
            disk_limited=disk_limited,
            own_users=users.possible,
            owner_labels=owner.labels,
            init_volume=output.volume,
        ),
    )


async def _check_alone(engine: Engine, cloud: str) -> None:
    """Raises Conflict while another platform of this cloud runs in a container: its guests would be strays to us."""
    own = await own_container(engine)
    for other in await engine.find(f"{labels.JOIN}={cloud}", f"{labels.ROLE}={labels.PLATFORM}"):
        if other.running and (own is None or other.id != own[0]):
            raise Conflict(
                f"cloud {cloud} is up in container {other.name}; stop that one (docker compose down), "
                "or choose another name with --cloud"
            )


async def _reachable(engine: Engine, network: InstanceNetwork, info: EngineInfo, cloud: str) -> Standing:
    here = await standing(engine, network.bridge)
    if here is None:
        why = info.elsewhere or f"the networks of {info.operating_system or 'the engine'} are not this machine's"
        raise Unavailable(
            f"guests of the engine (by {engine.candidate.source}) cannot be reached from here: {why}; "
            "use docker compose up, or the process driver"
        )
    if here.container_id:
        own = await engine.inspect(here.container_id)
        if own.labels.get(labels.JOIN) != cloud:
            raise Unavailable(f"this container is not labelled {labels.JOIN}={cloud}; it needs that to reach guests")
    return here


async def _namespaces(
    engine: Engine, here: Standing, context: DriverContext, owner: Owner, image: str, *, helper: bool | None
) -> Namespaces:
    lacking = netns.lacking() if here.sees_processes else "the engine's processes cannot be seen from here"
    if helper is not True and not lacking:
        # An earlier run may have needed one.
        await remove_helper(engine, context.cloud)
        return Direct()
    if here.container_id or helper is False:
        raise Unavailable(f"rules cannot be laid in guests' networks: {lacking}; see compose.yaml for what it takes")
    remote = Remote(engine, cloud=context.cloud, image=image, state_dir=context.state_dir, owner=owner)
    await remote.open()
    return remote


async def _uncounted(namespaces: Namespaces, network: InstanceNetwork) -> str:
    """Why the kernel cannot count connections; empty when it can."""
    plan = network.plan
    try:
        await namespaces.check(GuestNetwork(network=plan.network, gateway=plan.gateway, mbps=1))
    except Unavailable as error:
        return f"the kernel cannot count them ({error.message}); new ones are limited to a rate only"
    return ""


async def _limits_disks(engine: Engine, cloud: str, owner: Owner, image: str) -> bool:
    """Tries a container with a small disk, never started: whether quotas are switched on shows in nothing else."""
    probe = {"Image": image, "Labels": {labels.CLOUD: cloud, **owner.labels}}
    probe["HostConfig"] = {"StorageOpt": {"size": "1G"}}
    try:
        made = await engine.create(f"{cloud}-disk-probe", probe)
    except CloudError:
        return False
    await engine.remove(made)
    return True
