"""What can be done to instances."""

from __future__ import annotations

from aiohttp import web

from client.console.desk import Desk
from client.console.guard import Door
from client.console.routes.body import body_of


def routes(desk: Desk, gate: Door) -> list[web.RouteDef]:
    """Each action of `client.console.actions` at its own address."""

    async def act(request: web.Request) -> web.Response:
        gate.must_act(request)
        await body_of(request)
        await desk.act(request.match_info["action"], request.match_info["id"])
        return web.json_response({})

    return [web.post("/api/instances/{id}/{action}", act)]
