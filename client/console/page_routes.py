"""Routes of the page itself: files, stream, health, the right to act, stored requests, searches, sharing."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from client.console.assets import load_assets
from client.console.commands import Commands
from client.console.publisher import Publisher
from client.console.request_guard import TOKEN_CHARS_MAX, ConsoleKey, RequestGuard, cookie_name, json_body, same_secret
from client.console.share.addresses import interfaces
from client.console.share.sharing import PORT, Sharing
from client.console.state import REQUESTS_KEPT
from client.search_service import QUERY_CHARS_MAX
from server.api.flow import FlowRecord
from server.api.timing import render
from vmhost.base.errors import InvalidInput, NotFound, Unauthenticated
from vmhost.base.sse import respond
from vmhost.base.web_guard import json_response


class _Token(Struct):
    token: Annotated[str, Meta(max_length=TOKEN_CHARS_MAX)]


class _Search(Struct):
    query: Annotated[str, Meta(max_length=QUERY_CHARS_MAX)]


class _Share(Struct):
    address: Annotated[str, Meta(max_length=60)]
    port: int = PORT
    name: Annotated[str, Meta(max_length=253)] = ""


def routes(
    publisher: Publisher, commands: Commands, sharing: Sharing, key: ConsoleKey, guard: RequestGuard
) -> list[web.RouteDef]:
    """Return the routes. Only those that start or stop sharing need the key: anyone may look, and search."""
    assets = load_assets()

    async def page(request: web.Request) -> web.Response:
        return assets["index.html"].respond(request)

    async def health(_: web.Request) -> web.Response:
        return json_response({"status": "ok"})

    async def asset(request: web.Request) -> web.Response:
        found = assets.get(request.match_info["path"])
        if found is None:
            raise NotFound("no such file", code="NotFound")
        return found.respond(request)

    async def stream(request: web.Request) -> web.StreamResponse:
        return await respond(request, publisher.hub, publisher.snapshot, compress=True)

    async def session(request: web.Request) -> web.Response:
        return json_response({"can_act": guard.has_key(request)})

    async def open_session(request: web.Request) -> web.Response:
        """Exchange the token in the page's address for the cookie that lets a browser act."""
        if not same_secret((await json_body(request, _Token)).token, key.token):
            raise Unauthenticated("the token in this link is not valid; open the link that `glasscloud status` prints")
        response = json_response({"can_act": True})
        # Without an expiry date: the browser drops it when it is closed.
        response.set_cookie(cookie_name(request), key.cookie, httponly=True, samesite="Strict", path="/")
        return response

    async def stored(request: web.Request) -> web.Response:
        row = publisher.request(request.match_info["id"][:64])
        if row is None:
            raise NotFound(
                f"This request is no longer stored. The console keeps the last {REQUESTS_KEPT:,}.", code="NotFound"
            )
        # A sample has the timeline, from which this header is made. Other headers are known of our own searches only.
        headers = row.get("headers") or [["server-timing", render(FlowRecord.from_json(row).trace)]]
        return json_response({**row, "headers": headers})

    async def search(request: web.Request) -> web.Response:
        return json_response(await commands.search((await json_body(request, _Search)).query))

    async def show_sharing(request: web.Request) -> web.Response:
        found = await interfaces() if guard.has_key(request) and not sharing.why else []
        offered = [each.to_json() for each in found]
        return json_response({"offered": offered, "why": sharing.why, "share": sharing.state()})

    async def start_sharing(request: web.Request) -> web.Response:
        guard.require_key(request)
        form = await json_body(request, _Share)
        if not (form.port == 0 or 1024 <= form.port <= 65535):
            raise InvalidInput(f"port {form.port} is out of range (1024 to 65535)")
        await sharing.start(form.address, port=form.port, name=form.name)
        return json_response({"share": sharing.state()}, status=201)

    async def stop_sharing(request: web.Request) -> web.Response:
        guard.require_key(request)
        await sharing.stop()
        return json_response({})

    async def qr_code(_: web.Request) -> web.Response:
        return web.Response(body=sharing.qr_code(), content_type="image/svg+xml")

    return [
        web.get("/", page),
        web.get("/healthz", health),
        web.get("/assets/{path:.+}", asset),
        web.get("/api/stream", stream),
        web.get("/api/session", session),
        web.post("/api/session", open_session),
        web.get("/api/requests/{id}", stored),
        web.post("/api/search", search),
        web.get("/api/share", show_sharing),
        web.post("/api/share", start_sharing),
        web.delete("/api/share", stop_sharing),
        web.get("/api/share/qr.svg", qr_code),
    ]
