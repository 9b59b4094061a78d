"""A service that records its load, a token that workers share, and a shop for scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from client.load.plan.model import ClosedLoop, OpenLoop, Plan
from client.load.script.script_loader import complete_plan
from tests.integration.load.distributed_load import TOKEN
from tests.integration.load.load_service import Service, served
from tests.integration.load.script_shop import Shop


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    async with served(service.handle) as url:
        service.url = f"{url}/"
        yield service
        service.open.set()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    runner = web.AppRunner(shop.application(), shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield shop
    await runner.cleanup()


@pytest.fixture
def planned(tmp_path: Path, shop: Shop) -> Callable[..., Plan]:
    """Makes a plan with that script."""

    def make(script: str, *, rate_per_s: float = 100.0, users: int = 0, **settings: object) -> Plan:
        file = tmp_path / "flow.py"
        file.write_text(script)
        loop = {"closed": ClosedLoop(users=users)} if users else {"open": OpenLoop(rate_per_s=rate_per_s)}
        settings = {"duration_s": 0.6, "timeout_s": 10.0, "base": shop.url, "script": str(file), **loop, **settings}
        return complete_plan(Plan(**settings))  # type: ignore[arg-type]

    return make
