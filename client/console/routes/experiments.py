"""Experiments, and starting over."""

from __future__ import annotations

from aiohttp import web

from client.console.desk import Desk
from client.console.guard import Door
from client.console.routes.body import body_of, text_of


def routes(desk: Desk, gate: Door) -> list[web.RouteDef]:
    """They answer when the experiment has begun; what becomes of it is told in the stream."""

    async def experiment(request: web.Request) -> web.Response:
        gate.must_act(request)
        data = await body_of(request)
        victim = text_of(data, "instance_id", chars_max=64) if "instance_id" in data else None
        return web.json_response({"instance_id": desk.experiment(request.match_info["name"], victim, data)}, status=202)

    async def start_over(request: web.Request) -> web.Response:
        gate.must_act(request)
        await body_of(request)
        return web.json_response({"seconds": round(await desk.start_over(), 2)})

    async def ends(_: web.Request) -> web.Response:
        return web.json_response({"ends": await desk.start_over_ends()})

    return [
        web.post("/api/experiments/{name}", experiment),
        web.get("/api/start-over", ends),
        web.post("/api/start-over", start_over),
    ]
