"""The audience: which networks it could be served on, beginning, ending, and how it stands."""

from __future__ import annotations

from aiohttp import web

from client.console.guard import Door
from client.console.routes.body import body_of, text_of
from client.console.share.interfaces import interfaces
from client.console.share.sharing import PORT, Sharing
from vmhost.base.errors import InvalidInput


def routes(sharing: Sharing, gate: Door) -> list[web.RouteDef]:
    """Sharing starts only with the key and a named address."""

    async def show(request: web.Request) -> web.Response:
        found = await interfaces() if gate.may_act(request) and not sharing.why else []
        offered = [each.to_json() for each in found]
        return web.json_response({"offered": offered, "why": sharing.why, "share": sharing.state()})

    async def begin(request: web.Request) -> web.Response:
        gate.must_act(request)
        data = await body_of(request)
        address = text_of(data, "address", chars_max=60)
        name = text_of(data, "name", chars_max=253, default="")
        await sharing.start(address, port=_port(data.get("port", PORT)), name=name)
        return web.json_response({"share": sharing.state()}, status=201)

    async def end(request: web.Request) -> web.Response:
        gate.must_act(request)
        await sharing.stop()
        return web.json_response({})

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=sharing.qr(), content_type="image/svg+xml")

    return [
        web.get("/api/share", show),
        web.post("/api/share", begin),
        web.delete("/api/share", end),
        web.get("/api/share/qr.svg", picture),
    ]


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 1024 <= value <= 65535):
        raise InvalidInput(f"port {str(value)[:20]!r} is out of range (1024 to 65535)")
    return value
