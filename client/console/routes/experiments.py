"""Experiments, and starting over."""

from __future__ import annotations

from aiohttp import web

from client.console.commands import Commands
from client.console.request_guard import RequestGuard
from client.console.routes.request_body import json_body, text_field


def routes(commands: Commands, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes. Starting an experiment returns at once; its progress comes in the stream."""

    async def start(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await json_body(request)
        instance_id = text_field(data, "instance_id", chars_max=64) if "instance_id" in data else None
        data.pop("instance_id", None)
        victim_id = commands.start_experiment(request.match_info["name"], instance_id, data)
        return web.json_response({"instance_id": victim_id}, status=202)

    async def start_over(request: web.Request) -> web.Response:
        guard.require_key(request)
        await json_body(request)
        return web.json_response({"seconds": round(await commands.start_over(), 2)})

    async def deleted(_: web.Request) -> web.Response:
        return web.json_response({"deleted": await commands.deleted_by_start_over()})

    return [
        web.post("/api/experiments/{name}", start),
        web.get("/api/start-over", deleted),
        web.post("/api/start-over", start_over),
    ]
