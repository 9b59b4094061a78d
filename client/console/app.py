"""The console over HTTP: the page's files, the stream, and what the page may ask for."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from client.console.actions import ACTIONS
from client.console.assets import load_assets
from client.console.desk import Desk
from client.console.feed import Feed
from client.console.guard import BODY_BYTES_MAX, Door, cookie_name, door, protect
from client.console.keys import TOKEN_CHARS_MAX, Key
from vmhost.base.errors import InvalidInput, NotFound, Unauthenticated
from vmhost.base.sse import respond

_COOKIE_AGE_S = 30 * 24 * 3600


class Console:
    """All handlers. `GET` is for everyone who reaches us by our own name; whatever changes something needs the key."""

    def __init__(self, *, feed: Feed, desk: Desk, key: Key, gate: Door) -> None:
        self._feed = feed
        self._desk = desk
        self._key = key
        self._gate = gate
        self._assets = load_assets()

    def application(self) -> web.Application:
        """The app to serve. Streams end when it shuts down."""
        app = web.Application(middlewares=[door(self._gate)], client_max_size=BODY_BYTES_MAX)
        app.on_response_prepare.append(protect)
        app.on_shutdown.append(self._end_streams)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/healthz", self._health),
                web.get("/assets/{path:.+}", self._asset),
                web.get("/api/stream", self._stream),
                web.get("/api/session", self._session),
                web.post("/api/session", self._open_session),
                web.get("/api/requests/{trace_id}", self._request),
                web.post("/api/search", self._search),
                web.post("/api/instances/{id}/{action}", self._act),
            ]
        )
        return app

    async def _end_streams(self, _: web.Application) -> None:
        self._feed.hub.close()

    # files and the stream

    async def _page(self, request: web.Request) -> web.Response:
        return self._assets["index.html"].answer(request)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["path"])
        if asset is None:
            raise NotFound("there is no such file", code="NotFound")
        return asset.answer(request)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await respond(request, self._feed.hub, self._feed.snapshot)

    # who asks

    async def _session(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"may_act": self._gate.may_act(request), "actions": [each.to_json() for each in ACTIONS]}
        )

    async def _open_session(self, request: web.Request) -> web.Response:
        token = (await body_of(request)).get("token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX or not self._key.opens(token):
            raise Unauthenticated(
                "this address's token is not this console's; expected the one that `glasscloud status` prints"
            )
        response = web.json_response({"may_act": True})
        response.set_cookie(
            cookie_name(request), self._key.cookie, max_age=_COOKIE_AGE_S, httponly=True, samesite="Strict", path="/"
        )
        return response

    # what is asked

    async def _request(self, request: web.Request) -> web.Response:
        row = self._feed.request(request.match_info["trace_id"][:64])
        if row is None:
            raise NotFound(
                "this request is not remembered any more, or was no sample; expected one of the last 2,000",
                code="NotFound",
            )
        return web.json_response(row)

    async def _search(self, request: web.Request) -> web.Response:
        query = (await body_of(request)).get("query")
        if not isinstance(query, str):
            raise InvalidInput("the search has no query; expected text")
        return web.json_response(await self._desk.search(query))

    async def _act(self, request: web.Request) -> web.Response:
        self._gate.must_act(request)
        await body_of(request)
        await self._desk.act(request.match_info["action"], request.match_info["id"])
        return web.json_response({})


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises InvalidInput for anything else."""
    try:
        data = await request.json()
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput("the body is no JSON object; expected one")
    return data
