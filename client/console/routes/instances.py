"""Instances: launching them, acting on one, and reading what only people with the key may read."""

from __future__ import annotations

from aiohttp import web

from client.console.commands import Commands
from client.console.launch_form import LaunchForm
from client.console.request_guard import RequestGuard
from client.console.routes.request_body import json_body
from vmhost.base.web_guard import json_response


def routes(commands: Commands, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes; each action of `client.console.actions` is one of them. All need the key."""

    async def launch(request: web.Request) -> web.Response:
        guard.require_key(request)
        form = LaunchForm.of(await json_body(request))
        launched = await commands.cloud.run_instances(
            image_id=form.image_id,
            type_name=form.type_name,
            count=form.count,
            host_id=form.host_id,
            tags=form.tags,
            user_data=form.user_data,
        )
        return web.json_response({"instances": [each.id for each in launched]}, status=201)

    async def act(request: web.Request) -> web.Response:
        guard.require_key(request)
        await commands.act(request.match_info["action"], request.match_info["id"], await json_body(request))
        return web.json_response({})

    async def end_fault(request: web.Request) -> web.Response:
        guard.require_key(request)
        await json_body(request)
        fault = await commands.cloud.end_fault(fault_id=request.match_info["id"])
        return json_response(fault)

    async def console_output(request: web.Request) -> web.Response:
        guard.require_key(request)
        return web.json_response({"text": await commands.cloud.console_output(request.match_info["id"])})

    async def user_data(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await commands.cloud.user_data(request.match_info["id"])
        return web.json_response({"text": data.decode(errors="replace"), "bytes": len(data)})

    return [
        web.post("/api/instances", launch),
        web.get("/api/instances/{id}/console-output", console_output),
        web.get("/api/instances/{id}/user-data", user_data),
        web.delete("/api/faults/{id}", end_fault),
        web.post("/api/instances/{id}/{action}", act),
    ]
