"""Instances: launching them, what can be done to one, and what only its owner may read of it."""

from __future__ import annotations

from aiohttp import web

from client.console.desk import Desk
from client.console.guard import Door
from client.console.launching import Launch
from client.console.routes.body import body_of


def routes(desk: Desk, gate: Door) -> list[web.RouteDef]:
    """Each action of `client.console.actions` at its own address. All of it needs the key."""

    async def launch(request: web.Request) -> web.Response:
        gate.must_act(request)
        wish = Launch.of(await body_of(request))
        made = await desk.cloud.run_instances(
            image_id=wish.image_id,
            type_name=wish.type_name,
            count=wish.count,
            host_id=wish.host_id,
            tags=wish.tags,
            user_data=wish.user_data,
        )
        return web.json_response({"instances": [each.id for each in made]}, status=201)

    async def act(request: web.Request) -> web.Response:
        gate.must_act(request)
        await desk.act(request.match_info["action"], request.match_info["id"], await body_of(request))
        return web.json_response({})

    async def end_hog(request: web.Request) -> web.Response:
        gate.must_act(request)
        await body_of(request)
        fault = await desk.cloud.end_fault(instance_id=request.match_info["id"])
        return web.json_response(fault.to_json())

    async def console_output(request: web.Request) -> web.Response:
        gate.must_act(request)
        return web.json_response({"text": await desk.cloud.console_output(request.match_info["id"])})

    async def user_data(request: web.Request) -> web.Response:
        gate.must_act(request)
        data = await desk.cloud.user_data(request.match_info["id"])
        return web.json_response({"text": data.decode(errors="replace"), "bytes": len(data)})

    return [
        web.post("/api/instances", launch),
        web.get("/api/instances/{id}/console-output", console_output),
        web.get("/api/instances/{id}/user-data", user_data),
        web.delete("/api/instances/{id}/hog", end_hog),
        web.post("/api/instances/{id}/{action}", act),
    ]
