"""Routes of the load: start, change, stop; its timeline, past runs, their reports, and the comparison of two."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from msgspec import Struct

from client.console.load_controller import LoadController
from client.console.request_guard import RequestGuard, json_body
from client.console.serialize_load import KnownTimeline, RunNumber, timeline_json
from client.load.report.compare import compare_json, compare_past_runs
from client.load.report.json_report import past_run_json, report_json
from client.load.report.page.page import page_policy, report_page
from vmhost.base.errors import InvalidInput
from vmhost.base.json_request import decode_query
from vmhost.base.web_guard import json_response


class _Change(Struct, forbid_unknown_fields=True):
    """Either a rate, or one step up or down."""

    rate_per_s: float | None = None
    step: int | None = None


class _Compared(Struct):
    a: RunNumber
    b: RunNumber


def routes(load: LoadController, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes. Those that read need no key, all others do."""

    async def start(request: web.Request) -> web.Response:
        guard.require_key(request)
        return json_response(await load.start(await json_body(request, dict[str, Any])), status=201)

    async def change(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await json_body(request, _Change)
        if data.step in (1, -1) and data.rate_per_s is None:
            rate_per_s = await load.step(data.step)
        elif data.rate_per_s is not None and data.step is None:
            rate_per_s = await load.set_rate(data.rate_per_s)
        else:
            raise InvalidInput('the request body must be {"rate_per_s": 50}, {"step": 1} or {"step": -1}')
        return json_response({"rate_per_s": rate_per_s})

    async def stop(request: web.Request) -> web.Response:
        guard.require_key(request)
        return json_response({"run": await load.stop()})

    async def timeline(request: web.Request) -> web.Response:
        known = decode_query(request.query, KnownTimeline) if "since" in request.query else None
        # A long run has hundreds of columns to add up; in a thread it delays no other request.
        return json_response(await asyncio.to_thread(timeline_json, load.timeline, known))

    async def runs(_: web.Request) -> web.Response:
        return json_response({"runs": [past_run_json(each) for each in load.past]})

    async def report(request: web.Request) -> web.Response:
        past = load.past_run(int(request.match_info["number"]))
        page = await asyncio.to_thread(report_page, [past.report])
        # The sandbox gives the page an origin of its own: its script cannot reach the console.
        policy = f"sandbox allow-scripts; {page_policy()}; frame-ancestors 'none'"
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def document(request: web.Request) -> web.Response:
        past = load.past_run(int(request.match_info["number"]))
        name = f'attachment; filename="glasscloud-run-{past.number}.json"'
        return json_response(report_json(past.report), headers={"Content-Disposition": name})

    async def compare(request: web.Request) -> web.Response:
        numbers = decode_query(request.query, _Compared)
        return json_response(compare_json(compare_past_runs(load.past_run(numbers.a), load.past_run(numbers.b))))

    return [
        web.post("/api/load", start),
        web.patch("/api/load", change),
        web.delete("/api/load", stop),
        web.get("/api/load/timeline", timeline),
        web.get("/api/load/runs", runs),
        web.get(r"/api/load/runs/{number:\d{1,9}}", report),
        web.get(r"/api/load/runs/{number:\d{1,9}}.json", document),
        web.get("/api/load/compare", compare),
    ]
