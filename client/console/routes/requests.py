"""Requests: details of a stored one, and sending a search."""

from __future__ import annotations

from aiohttp import web

from client.console.commands import Commands
from client.console.publisher import Publisher
from client.console.request_cache import REQUESTS_KEPT
from client.console.routes.request_body import json_body, text_field
from client.console.search_client import QUERY_CHARS_MAX
from server.api.flow import FlowRecord
from server.api.timing import render
from vmhost.base.errors import NotFound


def routes(publisher: Publisher, commands: Commands) -> list[web.RouteDef]:
    """Return the routes. They need no key: anyone may send a search to the search page too."""

    async def stored(request: web.Request) -> web.Response:
        row = publisher.request(request.match_info["id"][:64])
        if row is None:
            raise NotFound(
                f"This request is no longer stored. The console keeps the last {REQUESTS_KEPT:,}.",
                code="NotFound",
            )
        # A sample has the timeline, from which this header is made. Other headers are known of our own searches only.
        headers = row.get("headers") or [["server-timing", render(FlowRecord.from_json(row).trace)]]
        return web.json_response({**row, "headers": headers})

    async def search(request: web.Request) -> web.Response:
        query = text_field(await json_body(request), "query", chars_max=QUERY_CHARS_MAX)
        return web.json_response(await commands.search(query))

    return [web.get("/api/requests/{id}", stored), web.post("/api/search", search)]
