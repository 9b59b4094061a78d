"""A platform to be killed: opens a driver, starts a guest with a child, tells their ids, and stays."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from process_guests import python

from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.drivers.process.isolation import PolledIsolation

FAMILY = """
import os, subprocess, time
child = subprocess.Popen(["sleep", "60"])
print("pids", os.getpid(), child.pid, "end")
time.sleep(60)
"""


async def main(folder: Path, isolation: str) -> None:
    context = DriverContext(cloud="test", state_dir=folder)
    driver = ProcessDriver(context, isolation=PolledIsolation("a test wants it so") if isolation == "polled" else None)
    await driver.open()
    await driver.instances.create(python("i-1", FAMILY))
    await driver.instances.start("i-1")
    while "end" not in (said := await driver.shell.console("i-1")):
        await asyncio.sleep(0.01)
    print(said.partition(" end")[0], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    run = uvloop.run if sys.argv[3] == "uvloop" else asyncio.run
    run(main(Path(sys.argv[1]), sys.argv[2]))
