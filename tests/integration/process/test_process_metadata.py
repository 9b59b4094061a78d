"""A process guest asks about itself, each its own service."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from process_guests import python
from test_process_driver import _printed

from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.metadata.instance_facts import InstanceFacts

ASK = """
import asyncio
from vmhost.api.guest_metadata import GuestMetadata
async def main():
    me = GuestMetadata()
    print("I am", await me.get("instance-id"), (await me.user_data()).decode(), await me.tags(), "end")
asyncio.run(main())
"""


def _facts(instance_id: str) -> InstanceFacts:
    return InstanceFacts(
        instance_id=instance_id,
        instance_type="t3.nano",
        image_id="ami-01",
        zone="us-east-1a",
        region="us-east-1",
        address="127.20.1.1",
        architecture="x86_64",
        reservation_id="r-01",
        launch_index=0,
        launched_at=0.0,
        account_id="000000000000",
        user_data=f"data of {instance_id}".encode(),
        tags={"Name": instance_id.upper()},
    )


async def test_each_guest_learns_who_it_is(tmp_path: Path) -> None:
    driver = ProcessDriver(DriverContext(cloud="test", state_dir=tmp_path))
    await driver.open()
    for name in ("i-1", "i-2"):
        await driver.networks.set_metadata(name, _facts(name))
        spec = python(name, "")
        await driver.instances.create(replace(spec, boot=replace(spec.boot, command=(sys.executable, "-c", ASK))))
        await driver.instances.start(name)
    for name in ("i-1", "i-2"):
        said = await _printed(driver, name, "end")
        assert said.strip() == f"I am {name} data of {name} {{'Name': '{name.upper()}'}} end"
    await driver.close(remove=True)
