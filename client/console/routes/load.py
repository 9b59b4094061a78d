"""The load: start, change, stop; its timeline, past runs, their reports, and the comparison of two."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from aiohttp import web

from client.console.load_controller import LoadController
from client.console.request_guard import RequestGuard
from client.console.routes.request_body import json_body
from client.console.serialize_load import KnownTimeline, timeline_json
from client.load.report.compare import compare_json, compare_past_runs
from client.load.report.json_report import past_run_json, report_json
from client.load.report.page.page import page_policy, report_page
from vmhost.base.errors import InvalidInput


def routes(load: LoadController, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes. Those that read need no key, all others do."""

    async def start(request: web.Request) -> web.Response:
        guard.require_key(request)
        return web.json_response(await load.start(await json_body(request)), status=201)

    async def change(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await json_body(request)
        if set(data) == {"step"} and data["step"] in (1, -1):
            rate_per_s = await load.step(data["step"])
        elif set(data) == {"rate_per_s"}:
            rate_per_s = await load.set_rate(_rate(data["rate_per_s"]))
        else:
            raise InvalidInput('the request body must be {"rate_per_s": 50}, {"step": 1} or {"step": -1}')
        return web.json_response({"rate_per_s": rate_per_s})

    async def stop(request: web.Request) -> web.Response:
        guard.require_key(request)
        return web.json_response({"run": await load.stop()})

    async def timeline(request: web.Request) -> web.Response:
        known = _known(request)
        # A long run has hundreds of columns to add up; in a thread it delays no other request.
        return web.json_response(await asyncio.to_thread(timeline_json, load.timeline, known))

    async def runs(_: web.Request) -> web.Response:
        return web.json_response({"runs": [past_run_json(each) for each in load.past]})

    async def report(request: web.Request) -> web.Response:
        past = load.past_run(int(request.match_info["number"]))
        page = await asyncio.to_thread(report_page, [past.report])
        # The sandbox gives the page an origin of its own: its script cannot reach the console.
        policy = f"sandbox allow-scripts; {page_policy()}; frame-ancestors 'none'"
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def document(request: web.Request) -> web.Response:
        past = load.past_run(int(request.match_info["number"]))
        name = f'attachment; filename="glasscloud-run-{past.number}.json"'
        return web.json_response(report_json(past.report), headers={"Content-Disposition": name})

    async def compare(request: web.Request) -> web.Response:
        a, b = (load.past_run(_run_number(request, name)) for name in ("a", "b"))
        return web.json_response(compare_json(compare_past_runs(a, b)))

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


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"rate_per_s must be a number of requests per second, not {str(value)[:40]!r}")
    return float(value)


def _run_number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput(f"{name} must be the number of a run, not {text[:40]!r}")
    return int(text)


def _known(request: web.Request) -> KnownTimeline | None:
    """Return the part that the reader has already; None if it names none."""
    if "since" not in request.query:
        return None
    try:
        since, column_s = (float(request.query.get(name, "")) for name in ("since", "column_s"))
    except ValueError:
        since = column_s = math.nan
    if not math.isfinite(since) or not math.isfinite(column_s):
        raise InvalidInput("since and column_s must be numbers: elapsed_s and column_s of the former response")
    return KnownTimeline(number=_run_number(request, "run"), until_s=since, column_s=column_s)
