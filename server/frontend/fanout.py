"""The service's shards and replicas as the front end knows them, and the asking of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from server.api.flow import InstanceCounters
from server.api.timing import Attempt
from server.frontend.exchange import Exchange, Read, Shard
from server.frontend.hedging import SHARE, Hedging
from server.frontend.latency import LatencyWindow
from server.frontend.link import Link, Spawn
from server.frontend.replicas import Machine, Replica, ReplicaSet
from server.frontend.timers import Timers
from vmhost.base.budget import Budget

_RESCUE_SHARE = 0.1
_RESCUE_BURST = 50.0
_QUANTILES = (0.5, 0.95, 0.99)


@dataclass(slots=True)
class Gathered:
    """What the shards said to one request. Nobody changes it."""

    answers: list[Any]
    """One per shard asked, in their order; None where none came in time."""
    attempts: tuple[Attempt, ...]
    waited_ms: float
    """From the first sending to the last answer waited for."""


class Fanout:
    """Asks shards, each through its least loaded replica. To be made inside the event loop.

    `spawn` starts tasks that open connections."""

    def __init__(
        self,
        shards: int,
        *,
        rng: random.Random,
        spawn: Spawn,
        monotonic: Callable[[], float],
        hedge_share: float = SHARE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers = Timers(self._loop, monotonic)
        self._spawn = spawn
        self._replicas: dict[str, Replica] = {}
        self.shards = [
            Shard(
                number=number,
                replicas=ReplicaSet(rng),
                hedging=Hedging(share=hedge_share),
                rescues=Budget(share=_RESCUE_SHARE, burst=_RESCUE_BURST, start=_RESCUE_BURST),
                links={},
                jitter=rng.random,
            )
            for number in range(shards)
        ]

    @property
    def complete(self) -> bool:
        """Whether each shard has a replica."""
        return all(len(shard.replicas) for shard in self.shards)

    def machines(self) -> tuple[Machine, ...]:
        """The replicas' machines."""
        return tuple(replica.machine for replica in self._replicas.values())

    def add(self, machine: Machine) -> None:
        """From now on the machine answers for its shard; one that is known already stays as it is."""
        if machine.instance_id in self._replicas:
            return
        replica = Replica(machine)
        shard = self.shards[machine.shard]
        self._replicas[machine.instance_id] = replica
        shard.links[replica] = Link(machine.address, machine.port, spawn=self._spawn)
        shard.replicas.add(replica)

    def remove(self, instance_id: str) -> bool:
        """Drops a replica; what was in flight to it is asked elsewhere at once. Tells whether it was known."""
        replica = self._replicas.pop(instance_id, None)
        if replica is None:
            return False
        shard = self.shards[replica.machine.shard]
        shard.replicas.remove(replica)
        shard.links.pop(replica).close()
        return True

    def close(self) -> None:
        """Drops all replicas."""
        for instance_id in list(self._replicas):
            self.remove(instance_id)

    async def ask(
        self,
        request: tuple[bytes, bytes],
        read: Read,
        *,
        deadline_s: float,
        arrived: float | None = None,
        shards: Sequence[int] | None = None,
    ) -> Gathered:
        """Sends the request (its bytes before and after the digits of X-Deadline-Ms) to the shards, default all.

        `arrived` is the monotonic time from which attempts' starts count, default now. Returns when each shard has
        answered or the deadline has passed; never raises for what leaves do."""
        settled: asyncio.Future[None] = self._loop.create_future()
        asked = self.shards if shards is None else [self.shards[number] for number in shards]
        exchange = Exchange(self._timers, asked, request, deadline_s, read, settled)
        try:
            await settled
        except asyncio.CancelledError:
            exchange.abandon()
            raise
        return Gathered(
            [leg.answer for leg in exchange.legs],
            exchange.take_attempts(exchange.started if arrived is None else arrived),
            (exchange.ended - exchange.started) * 1000,
        )

    def instances(self, now: float) -> tuple[InstanceCounters, ...]:
        """What each replica did and how it does."""
        return tuple(_counters(replica, now) for replica in self._replicas.values())

    def forget_latencies(self) -> None:
        """Empties every replica's window: what was measured says nothing of it."""
        for replica in self._replicas.values():
            replica.window = LatencyWindow()


def _counters(replica: Replica, now: float) -> InstanceCounters:
    machine = replica.machine
    p50_ms, p95_ms, p99_ms = replica.window.quantiles(_QUANTILES, now)
    return InstanceCounters(
        instance_id=machine.instance_id,
        type=machine.type,
        host=machine.host,
        shard=machine.shard,
        in_flight=replica.in_flight,
        attempts=replica.attempts,
        won=replica.won,
        lost=replica.lost,
        errors=replica.errors,
        timeouts=replica.timeouts,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        aside=replica.failures > 0,
    )
