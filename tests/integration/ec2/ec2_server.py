"""A cloud with fake instances behind a real HTTP server on a free port."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vmhost.api.access import Access
from vmhost.base.web import listen
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.cloud import Cloud
from vmhost.control.timeouts import Backoff, Timeouts
from vmhost.drivers.fake import FakeDriver, FakeSettings
from vmhost.ec2.auth import Auth
from vmhost.ec2.ec2_service import Ec2Service
from vmhost.http_api import serve_api
from vmhost.model.image import Boot, Image
from vmhost.store import Store

IMAGE = "ami-0fa4e0000"


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


@functools.cache
def _service() -> Ec2Service:
    """Stateless; reading the model for each test would take longer than all tests together."""
    return Ec2Service()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running cloud, access to it, and its driver."""

    cloud: Cloud
    access: Access
    driver: FakeDriver


@asynccontextmanager
async def served(
    state: Path,
    *,
    settings: FakeSettings | None = None,
    change: Callable[[Auth], Auth] = lambda auth: auth,
) -> AsyncIterator[Served]:
    """Serve inside the context; `change` may modify the access rules."""
    timeouts = Timeouts(stats_s=0.02, fleet=Backoff(first_s=0.01, most_s=0.05))
    driver = FakeDriver(settings)
    cloud = Cloud(
        driver=driver, store=Store(state / "cloud.sqlite"), types=load_types(), images=IMAGES, timeouts=timeouts
    )
    await cloud.open()
    access = Access.fresh("http://127.0.0.1:0")
    try:
        auth = change(Auth(credentials=access.credentials))
        async with serve_api(cloud, auth, listen("127.0.0.1", 0), service=_service()) as url:
            yield Served(cloud=cloud, access=replace(access, endpoint=url), driver=driver)
    finally:
        await cloud.close(remove=True)
