"""The instance network, which connects guests and containers that join it, and has no route to the outside."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import IPv4Network
from pathlib import Path

from vmhost.base.errors import CloudError, Conflict, NotFound, Unavailable
from vmhost.base.logs import get_logger
from vmhost.drivers.container import labels
from vmhost.drivers.container.addresses import AddressPlan, free_networks, parse_network, routed_networks
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import Container, EngineNetwork
from vmhost.drivers.container.ownership import Owner

_log = get_logger("driver")
_REMOVE_TRIES = 20
_REMOVE_PAUSE_S = 0.1


class InstanceNetwork:
    """A cloud's network on an engine, found by its label. Call `open` first."""

    def __init__(
        self, engine: Engine, *, cloud: str, wanted: str | None, owner: Owner, proc: Path = Path("/proc")
    ) -> None:
        self._engine = engine
        self.cloud = cloud
        self._wanted = wanted
        self._owner = owner
        self._proc = proc
        self.name = cloud
        self.id = ""
        self.plan = AddressPlan(network=IPv4Network("0.0.0.0/0"))

    async def open(self) -> bool:
        """Find or make the network, connect the containers that join it, and return whether it was made.

        Raises InvalidInput for a wanted range that is in use, Conflict for a network of that name that is not ours
        or has another range than wanted while guests are on it."""
        networks = await self._engine.networks()
        found = next((one for one in networks if one.name == self.name), None)
        if found is not None and not await self._keeps(found):
            networks = tuple(one for one in networks if one is not found)
            found = None
        if found is None:
            await self._make(networks)
        else:
            self._take(found.id, found.subnets[0])
        for container in await self._engine.find(f"{labels.JOIN}={self.cloud}"):
            await self.join(container)
        return found is None

    async def _find(self) -> bool:
        """Return whether this cloud's network exists; one of the same name with another owner does not count."""
        networks = [
            one
            for one in await self._engine.networks()
            if one.labels.get(labels.CLOUD) == self.cloud and self._owner.owns(one.labels)
        ]
        self.id = next((one.id for one in networks if one.name == self.name), "")
        return bool(self.id)

    async def _keeps(self, found: EngineNetwork) -> bool:
        """Return whether an existing network can be used; one with the wrong range and no guests is removed."""
        if found.labels.get(labels.CLOUD) != self.cloud:
            raise Conflict(f"a network {found.name} exists that is not this cloud's; choose another name with --cloud")
        if self._wanted is None or parse_network(self._wanted) in found.subnets:
            return bool(found.subnets)
        if await self._engine.list(f"{labels.CLOUD}={self.cloud}", labels.INSTANCE):
            raise Conflict(
                f"network {found.name} has the range {found.subnets[0]}, not {self._wanted}; end its instances first"
            )
        self.id = found.id
        await self.remove()
        return False

    async def _make(self, networks: tuple[EngineNetwork, ...]) -> None:
        used = [subnet for one in networks for subnet in one.subnets] + self._routes()
        refusals: list[str] = []
        for candidate in free_networks(self._wanted, used):
            plan = AddressPlan(network=candidate)
            try:
                made = await self._engine.create_network(
                    self.name,
                    subnet=str(candidate),
                    pool=str(plan.joiners),
                    gateway=str(plan.gateway),
                    labels={labels.CLOUD: self.cloud, **self._owner.labels},
                )
            except Conflict as error:
                refusals.append(error.message)
                continue
            self._take(made, candidate)
            return
        raise Unavailable(f"the engine refuses every instance network: {'; '.join(refusals)}; choose with --network")

    def _take(self, network_id: str, subnet: IPv4Network) -> None:
        self.id = network_id
        self.plan = AddressPlan(network=subnet)

    def _routes(self) -> list[IPv4Network]:
        """Return the routes of the engine's computer where its first process is visible, else this program's."""
        for one in ("1", "self"):
            with contextlib.suppress(OSError):
                return list(routed_networks((self._proc / one / "net/route").read_text()))
        return []

    @property
    def bridge(self) -> str:
        """The name of the network's interface on the engine's computer."""
        return f"br-{self.id[:12]}"

    async def join(self, container: Container) -> None:
        """Connect a container whose label asks for it, unless it is connected already."""
        if self.name in container.addresses or not container.running:
            return
        try:
            await self._engine.connect_network(container.id, self.id)
        except (Conflict, NotFound) as error:
            _log.debug("network_join_skipped", container=container.name, error=str(error))
        except CloudError as error:
            _log.warning("network_join_failed", container=container.name, error=str(error))

    async def remove(self) -> None:
        """Disconnect the containers that joined and remove the network, after the guests. May be repeated."""
        if not self.id and not await self._find():
            return
        await remove_network(self._engine, self.cloud, self.id)


async def remove_network(engine: Engine, cloud: str, network: str) -> None:
    """Disconnect the containers that joined the cloud's network and remove it, after the guests. May be repeated."""
    for container in await engine.list(f"{labels.JOIN}={cloud}"):
        if cloud in container.addresses:
            with contextlib.suppress(NotFound, Conflict):
                await engine.disconnect_network(container.id, network)
    for _ in range(_REMOVE_TRIES):
        try:
            await engine.remove_network(network)
        except NotFound:
            return
        except Conflict:
            # The engine lets go of a removed guest's place on the network a moment after the guest.
            await asyncio.sleep(_REMOVE_PAUSE_S)
        else:
            return
    raise Unavailable(f"network {cloud} still has members; disconnect them, then: docker network rm {network}")
