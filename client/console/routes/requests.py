"""Requests that travel: one that is remembered, and one that somebody types."""

from __future__ import annotations

from aiohttp import web

from client.console.asking import QUERY_CHARS_MAX
from client.console.desk import Desk
from client.console.feed import Feed
from client.console.remembered import REQUESTS_KEPT
from client.console.routes.body import body_of, text_of
from server.api.flow import FlowRecord
from server.api.timing import render
from vmhost.base.errors import NotFound


def routes(feed: Feed, desk: Desk) -> list[web.RouteDef]:
    """They need no key: a search is what everyone may send to the search page too."""

    async def remembered(request: web.Request) -> web.Response:
        row = feed.request(request.match_info["id"][:64])
        if row is None:
            raise NotFound(
                f"This request is no longer stored. The console keeps the last {REQUESTS_KEPT:,}.",
                code="NotFound",
            )
        # A sample has the timeline, which is all of that header; only the client has seen the other headers.
        headers = row.get("headers") or [["server-timing", render(FlowRecord.from_json(row).trace)]]
        return web.json_response({**row, "headers": headers})

    async def search(request: web.Request) -> web.Response:
        query = text_of(await body_of(request), "query", chars_max=QUERY_CHARS_MAX)
        return web.json_response(await desk.search(query))

    return [web.get("/api/requests/{id}", remembered), web.post("/api/search", search)]
