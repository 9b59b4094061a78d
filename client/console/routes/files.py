"""The page's files, the stream that it follows, and whether we are well."""

from __future__ import annotations

from aiohttp import web

from client.console.assets import load_assets
from client.console.feed import Feed
from vmhost.base.errors import NotFound
from vmhost.base.sse import respond


def routes(feed: Feed) -> list[web.RouteDef]:
    """They need no key: who may not act may look."""
    assets = load_assets()

    async def page(request: web.Request) -> web.Response:
        return assets["index.html"].answer(request)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def asset(request: web.Request) -> web.Response:
        found = assets.get(request.match_info["path"])
        if found is None:
            raise NotFound("no such file", code="NotFound")
        return found.answer(request)

    async def stream(request: web.Request) -> web.StreamResponse:
        return await respond(request, feed.hub, feed.snapshot, compress=True)

    return [
        web.get("/", page),
        web.get("/healthz", health),
        web.get("/assets/{path:.+}", asset),
        web.get("/api/stream", stream),
    ]
