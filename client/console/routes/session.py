"""Trading the token in the address for the cookie that lets a browser act."""

from __future__ import annotations

from aiohttp import web

from client.console.actions import ACTIONS
from client.console.guard import Door, cookie_name
from client.console.keys import TOKEN_CHARS_MAX, Key
from client.console.routes.body import body_of
from vmhost.base.errors import Unauthenticated


def routes(key: Key, gate: Door) -> list[web.RouteDef]:
    """What a reader may do, and becoming one who may act."""

    async def session(request: web.Request) -> web.Response:
        actions = [each.to_json() for each in ACTIONS]
        return web.json_response({"may_act": gate.may_act(request), "actions": actions})

    async def open_session(request: web.Request) -> web.Response:
        token = (await body_of(request)).get("token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX or not key.opens(token):
            raise Unauthenticated("the token in this link is not valid; open the link that `glasscloud status` prints")
        response = web.json_response({"may_act": True})
        # Without an age: it goes when the browser is closed.
        response.set_cookie(cookie_name(request), key.cookie, httponly=True, samesite="Strict", path="/")
        return response

    return [web.get("/api/session", session), web.post("/api/session", open_session)]
