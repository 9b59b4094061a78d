"""An engine with as many guests as a large cloud has: they are listed in one call, and inspected side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from vmhost.drivers.container.docker_engines import EngineCandidate
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import status

_COUNT = 500
_INSPECT_S = 0.02


class ManyContainers:
    """An engine that takes its time for each inspection."""

    def __init__(self) -> None:
        self.lists = 0
        self.inspections = 0

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.partition("/v1.45")[2] or request.path
        if path == "/version":
            return web.json_response({"ApiVersion": "1.45", "Version": "26.1", "Components": []})
        if path == "/containers/json":
            self.lists += 1
            return web.json_response([_listed(number) for number in range(_COUNT)])
        self.inspections += 1
        await asyncio.sleep(_INSPECT_S)
        return web.json_response({"Id": path.split("/")[2], "State": {"Running": True}, "Config": {}})


def _listed(number: int) -> dict[str, object]:
    labels = {"glasscloud.instance": f"i-{number:04}"}
    networks = {"c": {"IPAddress": f"198.18.{number // 250}.{number % 250 + 1}"}}
    return {
        "Id": f"{number:064x}",
        "Names": [f"/c-i-{number:04}"],
        "Labels": labels,
        "State": "running",
        "NetworkSettings": {"Networks": networks},
    }


@asynccontextmanager
async def engine_of(many: ManyContainers, folder: Path) -> AsyncIterator[Engine]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", many.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    path = folder / "engine.sock"
    await web.UnixSite(runner, str(path)).start()
    engine = await Engine.connect([EngineCandidate(source="the test", url=f"unix://{path}")])
    try:
        yield engine
    finally:
        await engine.close()
        await runner.cleanup()


async def test_five_hundred_guests_listed_and_inspected_in_parallel(tmp_path: Path) -> None:
    many = ManyContainers()
    async with engine_of(many, tmp_path) as engine:
        statuses = [status(one, "c") for one in await engine.list("glasscloud.cloud=c")]
        assert (len(statuses), many.lists, many.inspections) == (_COUNT, 1, 0)
        assert all(one.endpoint is not None for one in statuses)
        async with asyncio.timeout(_COUNT * _INSPECT_S / 2):
            assert len(await engine.find("glasscloud.cloud=c")) == _COUNT
        assert many.inspections == _COUNT
