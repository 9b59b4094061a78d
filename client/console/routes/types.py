"""What can be launched: images, and types with their price, their limits here and where there is room for them."""

from __future__ import annotations

from aiohttp import web

from client.console.desk import Desk
from client.console.launching import images_json, types_json


def routes(desk: Desk) -> list[web.RouteDef]:
    """They need no key: who may not act may look."""

    async def types(_: web.Request) -> web.Response:
        return web.json_response(types_json(await desk.cloud.types()))

    async def images(_: web.Request) -> web.Response:
        return web.json_response(images_json(await desk.cloud.describe_images()))

    return [web.get("/api/types", types), web.get("/api/images", images)]
