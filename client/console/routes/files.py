"""The page's files, its stream, and the health check."""

from __future__ import annotations

from aiohttp import web

from client.console.assets import load_assets
from client.console.publisher import Publisher
from vmhost.base.errors import NotFound
from vmhost.base.sse import respond


def routes(publisher: Publisher) -> list[web.RouteDef]:
    """Return the routes. They need no key."""
    assets = load_assets()

    async def page(request: web.Request) -> web.Response:
        return assets["index.html"].respond(request)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def asset(request: web.Request) -> web.Response:
        found = assets.get(request.match_info["path"])
        if found is None:
            raise NotFound("no such file", code="NotFound")
        return found.respond(request)

    async def stream(request: web.Request) -> web.StreamResponse:
        return await respond(request, publisher.hub, publisher.snapshot, compress=True)

    return [
        web.get("/", page),
        web.get("/healthz", health),
        web.get("/assets/{path:.+}", asset),
        web.get("/api/stream", stream),
    ]
