"""The service's shards and their replicas, as the front end knows them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from server.api.flow import InstanceCounters
from server.frontend.fanout import Shard
from server.frontend.leaf_connections import LeafConnections, Spawn
from server.frontend.replicas import HEDGE_SHARE, Hedging, LatencyWindow, LeafInstance, Replica, ReplicaSet
from server.frontend.timers import Timers
from vmhost.base.retry_budget import RetryBudget

_RETRY_SHARE = 0.1
_RETRY_BURST = 50.0
_QUANTILES = (0.5, 0.95, 0.99)


class ShardMap:
    """Every shard with its replicas and the connections to them. To be made inside the event loop.

    `spawn` starts tasks that open connections."""

    def __init__(
        self,
        shards: int,
        *,
        rng: random.Random,
        spawn: Spawn,
        monotonic: Callable[[], float],
        hedge_share: float = HEDGE_SHARE,
    ) -> None:
        self.timers = Timers(asyncio.get_running_loop(), monotonic)
        self._spawn = spawn
        self._replicas: dict[str, Replica] = {}
        self.shards = [
            Shard(
                number=number,
                replicas=ReplicaSet(rng),
                hedging=Hedging(share=hedge_share),
                retry_budget=RetryBudget(share=_RETRY_SHARE, burst=_RETRY_BURST, start=_RETRY_BURST),
                connections={},
                jitter=rng.random,
            )
            for number in range(shards)
        ]

    @property
    def complete(self) -> bool:
        """Whether each shard has a replica."""
        return all(len(shard.replicas) for shard in self.shards)

    def leaves(self) -> tuple[LeafInstance, ...]:
        """The replicas' instances."""
        return tuple(replica.leaf for replica in self._replicas.values())

    def add(self, leaf: LeafInstance) -> None:
        """Adds a replica to its shard; does nothing if the instance is known already."""
        if leaf.instance_id in self._replicas:
            return
        replica = Replica(leaf)
        shard = self.shards[leaf.shard]
        self._replicas[leaf.instance_id] = replica
        shard.connections[replica] = LeafConnections(leaf.address, leaf.port, spawn=self._spawn)
        shard.replicas.add(replica)

    def remove(self, instance_id: str) -> bool:
        """Removes a replica; its requests in flight are retried elsewhere at once. Returns whether it was known."""
        replica = self._replicas.pop(instance_id, None)
        if replica is None:
            return False
        shard = self.shards[replica.leaf.shard]
        shard.replicas.remove(replica)
        shard.connections.pop(replica).close()
        return True

    def close(self) -> None:
        """Removes all replicas."""
        for instance_id in list(self._replicas):
            self.remove(instance_id)

    def counters(self, now: float) -> tuple[InstanceCounters, ...]:
        """Counts and latencies of each replica."""
        return tuple(_counters(replica, now) for replica in self._replicas.values())

    def forget_latencies(self) -> None:
        """Empties every replica's latency window, because what it holds was not caused by the replica."""
        for replica in self._replicas.values():
            replica.window = LatencyWindow()


def _counters(replica: Replica, now: float) -> InstanceCounters:
    leaf = replica.leaf
    p50_ms, p95_ms, p99_ms = replica.window.quantiles(_QUANTILES, now)
    return InstanceCounters(
        instance_id=leaf.instance_id,
        type=leaf.type,
        host=leaf.host,
        shard=leaf.shard,
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
