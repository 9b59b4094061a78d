"""Sharing with the audience: networks to choose from, start, stop, and the present state."""

from __future__ import annotations

from aiohttp import web

from client.console.request_guard import RequestGuard
from client.console.routes.request_body import json_body, text_field
from client.console.share.network_interfaces import interfaces
from client.console.share.sharing import PORT, Sharing
from vmhost.base.errors import InvalidInput


def routes(sharing: Sharing, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes. Sharing starts only with the key and a named address."""

    async def show(request: web.Request) -> web.Response:
        found = await interfaces() if guard.has_key(request) and not sharing.why else []
        offered = [each.to_json() for each in found]
        return web.json_response({"offered": offered, "why": sharing.why, "share": sharing.state()})

    async def start(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await json_body(request)
        address = text_field(data, "address", chars_max=60)
        name = text_field(data, "name", chars_max=253, default="")
        await sharing.start(address, port=_port(data.get("port", PORT)), name=name)
        return web.json_response({"share": sharing.state()}, status=201)

    async def stop(request: web.Request) -> web.Response:
        guard.require_key(request)
        await sharing.stop()
        return web.json_response({})

    async def qr_code(_: web.Request) -> web.Response:
        return web.Response(body=sharing.qr_code(), content_type="image/svg+xml")

    return [
        web.get("/api/share", show),
        web.post("/api/share", start),
        web.delete("/api/share", stop),
        web.get("/api/share/qr.svg", qr_code),
    ]


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 1024 <= value <= 65535):
        raise InvalidInput(f"port {str(value)[:20]!r} is out of range (1024 to 65535)")
    return value
