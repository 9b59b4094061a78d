"""Exchanges the token in the page's address for the cookie that lets a browser act."""

from __future__ import annotations

from aiohttp import web

from client.console.console_key import TOKEN_CHARS_MAX, ConsoleKey
from client.console.request_guard import RequestGuard, cookie_name
from client.console.routes.request_body import json_body
from vmhost.base.errors import Unauthenticated


def routes(key: ConsoleKey, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes: one says whether this browser may act, one exchanges the token for the cookie."""

    async def session(request: web.Request) -> web.Response:
        return web.json_response({"can_act": guard.has_key(request)})

    async def open_session(request: web.Request) -> web.Response:
        token = (await json_body(request)).get("token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX or not key.matches_token(token):
            raise Unauthenticated("the token in this link is not valid; open the link that `glasscloud status` prints")
        response = web.json_response({"can_act": True})
        # Without an expiry date: the browser drops it when it is closed.
        response.set_cookie(cookie_name(request), key.cookie, httponly=True, samesite="Strict", path="/")
        return response

    return [web.get("/api/session", session), web.post("/api/session", open_session)]
