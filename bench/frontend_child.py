"""The real front end with a fixed list of leaves, for measuring: `python -m bench.frontend_child PORT LEAF_PORT …`."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from server.frontend.app import LINE_BYTES_MAX, FrontEnd, Settings
from server.frontend.fanout import Fanout
from server.frontend.observe import Observer
from server.frontend.replicas import Machine
from server.pages import SearchPages
from vmhost.base import collector
from vmhost.base.clock import SystemClock
from vmhost.base.web import listen, run, serve


async def main() -> None:
    """Serves on the first port; each further port is the only replica of one shard."""
    port, *leaves = [int(argument) for argument in sys.argv[1:]]
    async with asyncio.TaskGroup() as tasks:
        fanout = Fanout(len(leaves), rng=random.Random(1), spawn=tasks.create_task, monotonic=time.monotonic)
        for shard, leaf_port in enumerate(leaves):
            fanout.add(
                Machine(
                    instance_id=f"i-{shard:017x}",
                    type="t3.micro",
                    host="host-a",
                    shard=shard,
                    address="127.0.0.1",
                    port=leaf_port,
                )
            )
        observer = Observer(SystemClock(), fanout, time.monotonic)
        front_end = FrontEnd(
            fanout=fanout,
            observer=observer,
            pages=SearchPages(),
            settings=Settings(service="bench"),
            rng=random.Random(1),
            monotonic=time.monotonic,
            starting=tuple,
        )
        tasks.create_task(observer.tell_each_second())
        collector.relax()
        async with serve(front_end.handle, listen("127.0.0.1", port), line_bytes_max=LINE_BYTES_MAX):
            await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(run(main))
