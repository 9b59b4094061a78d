"""A cloud of fake machines behind a real HTTP server on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vmhost.api.access import Access
from vmhost.base.web import listen, serve
from vmhost.control.cloud import Cloud
from vmhost.control.pace import Backoff, Pace
from vmhost.drivers.fake import FakeDriver, FakeSettings
from vmhost.ec2.app import make_app
from vmhost.ec2.auth import Auth
from vmhost.model.image import Boot, Image
from vmhost.model.instance_type import InstanceType
from vmhost.store.store import Store

IMAGE = "ami-0fa4e0000"


def _type(name: str, memory_mib: int, baseline: float | None, *, vcpus: int = 2, xen: bool = False) -> InstanceType:
    return InstanceType(
        name=name,
        family=name.partition(".")[0],
        vcpus=vcpus,
        memory_mib=memory_mib,
        hypervisor="xen" if xen else "nitro",
        network_baseline_mbps=64,
        network_burst_mbps=5000,
        price_usd_hour=0.01,
        baseline_percent=baseline,
    )


TYPES = (
    _type("t2.micro", 1024, 10.0, vcpus=1, xen=True),
    _type("t3.nano", 512, 5.0),
    _type("t3.micro", 1024, 10.0),
    _type("t3.small", 2048, 20.0),
    _type("t3.medium", 4096, 20.0),
    _type("t3.large", 8192, 30.0),
    _type("t3.2xlarge", 32768, 40.0, vcpus=8),
    _type("m5.large", 8192, None),
)
IMAGES = (
    Image(
        id=IMAGE,
        name="nothing-1",
        description="boots in make-believe",
        architecture="x86_64",
        root_gib=1,
        created="2026-01-01T00:00:00.000Z",
        boots={"fake": Boot()},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A cloud that is up: its inside, its way in."""

    cloud: Cloud
    access: Access


@asynccontextmanager
async def served(
    state: Path,
    *,
    settings: FakeSettings | None = None,
    change: Callable[[Auth], Auth] = lambda auth: auth,
) -> AsyncIterator[Served]:
    """Serves while the context lasts; `change` may alter the rules of the door."""
    pace = Pace(stats_s=0.02, fleet=Backoff(first_s=0.01, most_s=0.05))
    driver = FakeDriver(settings)
    cloud = Cloud(driver=driver, store=Store(state / "cloud.sqlite"), types=TYPES, images=IMAGES, pace=pace)
    await cloud.open()
    access = Access.fresh("http://127.0.0.1:0")
    try:
        app = make_app(cloud, change(Auth(credentials=access.credentials)))
        async with serve(app, listen("127.0.0.1", 0)) as url:
            yield Served(cloud=cloud, access=replace(access, endpoint=url))
    finally:
        await cloud.close(remove=True)
