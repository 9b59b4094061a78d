from __future__ import annotations

from dataclasses import replace

import pytest

from vmhost.control.instances.record import Instance, InstanceState, Wanted
from vmhost.control.inventory import Inventory
from vmhost.model.guest import Capabilities
from vmhost.model.host import Host
from vmhost.model.image import Boot, Image

IMAGE = Image(
    id="ami-0000000001", name="shop", description="A shop", architecture="x86_64", root_gib=1,
    created="2026-01-01T00:00:00Z", boots={"container": Boot(image="shop:1", port=5000)},
)  # fmt: skip
HOST = Host(id="host-a", zone="us-east-1a", cpu_cores=1, memory_mib=1024, pids=100, driver="container")
REACHABLE = Capabilities(driver="container", stands_for="containers", items=())
INVENTORY = Inventory(
    hosts=(HOST,), overcommit=1.0, types={}, images={IMAGE.id: IMAGE}, capabilities={"container": REACHABLE},
)  # fmt: skip
INSTANCE = Instance(
    id="i-01", reservation_id="r-01", launch_index=0, image_id=IMAGE.id, type_name="t3.nano", host_id="host-a",
    zone="us-east-1a", wanted=Wanted.RUNNING, state=InstanceState.RUNNING, generation=1, launched_at=0.0,
    changed_at=0.0, address="172.30.0.2",
)  # fmt: skip


@pytest.mark.parametrize(
    ("inventory", "instance", "port"),
    [
        (INVENTORY, INSTANCE, 5000),
        (INVENTORY, replace(INSTANCE, port=7001), 7001),
        (replace(INVENTORY, capabilities={"container": replace(REACHABLE, addresses_reachable=False)}), INSTANCE, None),
        (replace(INVENTORY, images={}), INSTANCE, None),
        (replace(INVENTORY, hosts=(replace(HOST, driver="process"),)), INSTANCE, None),
    ],
)
def test_web_port(inventory: Inventory, instance: Instance, port: int | None) -> None:
    assert inventory.web_port(instance) == port
