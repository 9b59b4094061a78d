"""A session with the engine: everything that all guests of one cloud share, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import CloudError, NotFound, Unavailable
from vmhost.drivers.container import container_config, isolation, labels, netns
from vmhost.drivers.container.cpu_sets import CpuSets, available_cpus
from vmhost.drivers.container.docker_engines import find_engines
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import Container, EngineInfo, ListedContainer
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.guest_output import provide
from vmhost.drivers.container.helper_client import HelperNamespaces, remove_helper
from vmhost.drivers.container.host_cgroups import HostCgroups
from vmhost.drivers.container.isolation import GuestCheck, GuestUsers
from vmhost.drivers.container.namespaces import LocalNamespaces, Namespaces
from vmhost.drivers.container.network import InstanceNetwork
from vmhost.drivers.container.own_location import Location, check_alone, locate
from vmhost.drivers.container.ownership import Owner, Presence
from vmhost.drivers.container.take_ownership import remove_containers, take_ownership
from vmhost.drivers.context import DriverContext
from vmhost.model.guest import Capabilities
from vmhost.model.image import DEFAULT_IMAGE, IMAGE_VARIABLE

_HANG_UP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSession:
    """An engine connection with everything that must exist before the first guest."""

    engine: Engine
    info: EngineInfo
    network: InstanceNetwork
    namespaces: Namespaces
    owner: Owner
    presence: Presence
    hosts: HostCgroups
    cores: CpuSets
    checks: tuple[GuestCheck, ...]
    """What is checked of each guest that boots, with the cores."""
    cpus: tuple[int, ...]
    """The CPUs that guests may run on."""
    setting: container_config.SharedConfig
    addresses_reachable: bool
    """Whether other programs on this computer can connect to guests."""
    connections_uncounted: str = ""
    """Why the kernel cannot count a guest's connections; empty when it can."""

    @property
    def cloud(self) -> str:
        return self.setting.cloud

    @property
    def capabilities(self) -> Capabilities:
        """What is isolated, with the hosts as last prepared."""
        return isolation.capabilities(
            self.info,
            disk_limited=self.setting.disk_limited,
            rules_by=self.namespaces.how,
            connections_uncounted=self.connections_uncounted,
            checked=tuple(one.capability() for one in self.checks),
            host_why_not=self.hosts.why_not,
            addresses_reachable=self.addresses_reachable,
        )

    async def guest(self, instance_id: str) -> Container | None:
        """Return the guest's container; None if it does not exist or belongs to another platform."""
        try:
            found = await self.engine.inspect(container_config.container_name(self.cloud, instance_id))
        except NotFound:
            return None
        named = found.labels.get(labels.CLOUD) == self.cloud and found.instance_id == instance_id
        return found if named and self.owner.owns(found.labels) else None

    def guest_network(self, mbps: int) -> GuestNetwork:
        """Return the parameters of the rules of a guest with this rate."""
        plan = self.network.plan
        return GuestNetwork(
            network=plan.network, gateway=plan.gateway, mbps=mbps, counted=not self.connections_uncounted
        )

    async def guests(self) -> tuple[Container, ...]:
        """Return the containers of all guests of this platform."""
        found = await self.engine.find(f"{labels.CLOUD}={self.cloud}", labels.INSTANCE)
        return tuple(one for one in found if self.owner.owns(one.labels))

    async def listed(self) -> tuple[ListedContainer, ...]:
        """Return the same in one call, with fewer fields."""
        found = await self.engine.list(f"{labels.CLOUD}={self.cloud}", labels.INSTANCE)
        return tuple(one for one in found if self.owner.owns(one.labels))

    async def close(self, *, remove: bool) -> None:
        """Close the session; with `remove`, first remove everything of this cloud that this platform owns."""
        try:
            if remove:
                await self.engine.settle()
                await remove_all(self.engine, self.network, self.owner)
                await self.hosts.remove()
        finally:
            # When the engine does not answer, the caller has already waited for a long time.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HANG_UP_S):
                    await self.namespaces.close()
            self.presence.close()
            await self.engine.close()


async def remove_all(engine: Engine, network: InstanceNetwork, owner: Owner) -> None:
    """Remove the owner's containers and networks of the cloud, and the cloud's volumes.

    All removals are tried before the first failure is raised."""
    ours = f"{labels.CLOUD}={network.cloud}"
    found = [one for one in await engine.list(ours) if owner.owns(one.labels)]
    await remove_containers(engine, [one.id for one in found if one.labels.get(labels.ROLE) != labels.HELPER])
    await network.remove()
    for volume in await engine.volumes(ours):
        await engine.remove_volume(volume)


async def sweep(context: DriverContext, environment: Mapping[str, str]) -> None:
    """Remove everything of the cloud from the engine. This needs no privileges, so it works where guests cannot run.

    Raises Unavailable when no engine answers, Conflict while a platform of this cloud runs."""
    async with contextlib.AsyncExitStack() as closing:
        engine, owner, _ = await _connect(context, environment, closing)
        await remove_all(engine, InstanceNetwork(engine, cloud=context.cloud, wanted=None, owner=owner), owner)
        await remove_helper(engine, context.cloud)
        await HostCgroups(cloud=context.cloud, info=await engine.info(), on_engines_machine=True).remove()


async def open_session(context: DriverContext, environment: Mapping[str, str], *, helper: bool | None) -> EngineSession:
    """Connect to the engine and make what guests share. `helper` forces or forbids the helper container.

    Raises Unavailable, saying what does not answer or what is missing, and how to fix it."""
    async with contextlib.AsyncExitStack() as undo:
        engine, owner, presence = await _connect(context, environment, undo)
        info = await engine.info()
        image = environment.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
        network = InstanceNetwork(engine, cloud=context.cloud, wanted=context.network_cidr, owner=owner)
        if await network.open():
            undo.push_async_callback(_remove_if_possible, network)
        here = await locate(engine, network, info, context.cloud)
        namespaces = await _namespaces(engine, here, context, owner, image, helper=helper)
        undo.push_async_callback(namespaces.close)
        users, cores = GuestUsers(info), CpuSets(info=info, sees_processes=here.sees_processes)
        output = await provide(engine, info, cloud=context.cloud, owner=owner, image=image)
        disk_limited = isolation.may_limit_disks(info) and await _limits_disks(engine, context.cloud, owner, image)
        session = EngineSession(
            engine=engine,
            info=info,
            network=network,
            namespaces=namespaces,
            owner=owner,
            presence=presence,
            hosts=HostCgroups(cloud=context.cloud, info=info, on_engines_machine=here.sees_processes),
            connections_uncounted=await _connections_uncounted(namespaces, network),
            # From inside a container this is not known: the engine may keep its networks in a virtual machine.
            addresses_reachable=not here.container_id,
            cores=cores,
            checks=(cores, users, output),
            cpus=await available_cpus(engine, info),
            setting=container_config.SharedConfig(
                cloud=context.cloud,
                network=network.name,
                conversion=info.conversion,
                disk_limited=disk_limited,
                own_users=users.possible,
                owner_labels=owner.labels,
                init_volume=output.volume,
            ),
        )
        undo.pop_all()
        return session


async def _connect(
    context: DriverContext, environment: Mapping[str, str], closing: contextlib.AsyncExitStack
) -> tuple[Engine, Owner, Presence]:
    """Connect to the engine as the owner of the cloud. `closing` gets what ends the connection again."""
    engine = await Engine.connect(find_engines(environment, Path.home()))
    closing.push_async_callback(engine.close)
    closing.push_async_callback(engine.settle, _HANG_UP_S)
    await check_alone(engine, context.cloud)
    owner, presence = await take_ownership(engine, context)
    closing.callback(presence.close)
    return engine, owner, presence


async def _remove_if_possible(network: InstanceNetwork) -> None:
    with contextlib.suppress(CloudError):
        await network.remove()


async def _namespaces(
    engine: Engine, here: Location, context: DriverContext, owner: Owner, image: str, *, helper: bool | None
) -> Namespaces:
    missing = netns.missing_rights() if here.sees_processes else "the engine's processes are not visible from here"
    if helper is not True and not missing:
        # An earlier run may have needed one.
        await remove_helper(engine, context.cloud)
        return LocalNamespaces()
    if here.container_id or helper is False:
        raise Unavailable(f"instances' networks cannot be configured: {missing}; see compose.yaml for what is needed")
    remote = HelperNamespaces(engine, cloud=context.cloud, image=image, state_dir=context.state_dir, owner=owner)
    await remote.open()
    return remote


async def _connections_uncounted(namespaces: Namespaces, network: InstanceNetwork) -> str:
    """Return why the kernel cannot count connections; empty when it can."""
    plan = network.plan
    try:
        await namespaces.check(GuestNetwork(network=plan.network, gateway=plan.gateway, mbps=1))
    except Unavailable as error:
        return f"only the rate of new ones is limited: the kernel cannot count them ({error.message})"
    return ""


async def _limits_disks(engine: Engine, cloud: str, owner: Owner, image: str) -> bool:
    """Return whether the engine takes a container with a disk size. Only a try shows whether quotas are switched on."""
    probe = {"Image": image, "Labels": {labels.CLOUD: cloud, **owner.labels}}
    probe["HostConfig"] = {"StorageOpt": {"size": "1G"}}
    try:
        made = await engine.create(f"{cloud}-disk-probe", probe)
    except CloudError:
        return False
    await engine.remove(made)
    return True
