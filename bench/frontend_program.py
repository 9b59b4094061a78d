"""The front end with a fixed list of leaves, for benchmarks: `python -m bench.frontend_program PORT LEAF_PORT …`."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from server.frontend.frontend_app import LINE_BYTES_MAX, FrontEnd, Settings
from server.frontend.observer import Observer
from server.frontend.replicas import LeafInstance
from server.frontend.shard_map import ShardMap
from vmhost.base import gc_tuning
from vmhost.base.clock import SystemClock
from vmhost.base.web import listen, run, serve


async def main() -> None:
    """Serve on the first port; each further port is the only replica of one shard."""
    port, *leaves = [int(argument) for argument in sys.argv[1:]]
    async with asyncio.TaskGroup() as tasks:
        shard_map = ShardMap(len(leaves), rng=random.Random(1), spawn=tasks.create_task, monotonic=time.monotonic)
        for shard, leaf_port in enumerate(leaves):
            shard_map.add(
                LeafInstance(
                    instance_id=f"i-{shard:017x}",
                    type="t3.micro",
                    host="host-a",
                    shard=shard,
                    address="127.0.0.1",
                    port=leaf_port,
                )
            )
        observer = Observer(SystemClock(), shard_map)
        front_end = FrontEnd(
            shard_map=shard_map,
            observer=observer,
            settings=Settings(service="bench"),
            rng=random.Random(1),
            starting=tuple,
        )
        tasks.create_task(observer.publish_each_second())
        gc_tuning.collect_rarely()
        async with serve(front_end.handle, listen("127.0.0.1", port), line_bytes_max=LINE_BYTES_MAX):
            await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(run(main))
