"""What can be launched: images, and instance types with price, limits and the hosts with room for them."""

from __future__ import annotations

from aiohttp import web

from client.console.commands import Commands
from client.console.launch_form import images_json, types_json


def routes(commands: Commands) -> list[web.RouteDef]:
    """Return the routes. They need no key."""

    async def types(_: web.Request) -> web.Response:
        return web.json_response(types_json(await commands.cloud.types()))

    async def images(_: web.Request) -> web.Response:
        return web.json_response(images_json(await commands.cloud.describe_images()))

    return [web.get("/api/types", types), web.get("/api/images", images)]
