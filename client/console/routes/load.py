"""The load: started, steered, stopped; its course, its past runs, their reports and how two of them differ."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from aiohttp import web

from client.console.guard import Door
from client.console.load_rows import Seen, course_json
from client.console.loading import Loading
from client.console.routes.body import body_of
from client.load.report.compare import compare_json
from client.load.report.json_report import report_json
from client.load.report.page.page import page_policy, report_page
from client.load.report.past_run import compare_past_runs, past_run_json
from vmhost.base.errors import InvalidInput


def routes(loading: Loading, gate: Door) -> list[web.RouteDef]:
    """Reading is free, everything else needs the key."""

    async def start(request: web.Request) -> web.Response:
        gate.must_act(request)
        return web.json_response(await loading.start(await body_of(request)), status=201)

    async def steer(request: web.Request) -> web.Response:
        gate.must_act(request)
        data = await body_of(request)
        if set(data) == {"step"} and data["step"] in (1, -1):
            rate_per_s = await loading.step(data["step"])
        elif set(data) == {"rate_per_s"}:
            rate_per_s = await loading.set_rate(_number(data["rate_per_s"]))
        else:
            raise InvalidInput('the request body must be {"rate_per_s": 50}, {"step": 1} or {"step": -1}')
        return web.json_response({"rate_per_s": rate_per_s})

    async def stop(request: web.Request) -> web.Response:
        gate.must_act(request)
        return web.json_response({"run": await loading.stop()})

    async def timeline(request: web.Request) -> web.Response:
        seen = _seen(request)
        # A long run has hundreds of columns to sum: nobody else waits for it meanwhile.
        return web.json_response(await asyncio.to_thread(course_json, loading.course, seen))

    async def runs(_: web.Request) -> web.Response:
        return web.json_response({"runs": [past_run_json(each) for each in loading.past]})

    async def report(request: web.Request) -> web.Response:
        past = loading.past_run(int(request.match_info["number"]))
        page = await asyncio.to_thread(report_page, [past.report])
        # The sandbox gives the page an origin of its own: its script cannot reach the console.
        policy = f"sandbox allow-scripts; {page_policy()}; frame-ancestors 'none'"
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def document(request: web.Request) -> web.Response:
        past = loading.past_run(int(request.match_info["number"]))
        name = f'attachment; filename="glasscloud-run-{past.number}.json"'
        return web.json_response(report_json(past.report), headers={"Content-Disposition": name})

    async def compare(request: web.Request) -> web.Response:
        a, b = (loading.past_run(_run_number(request, name)) for name in ("a", "b"))
        return web.json_response(compare_json(compare_past_runs(a, b)))

    return [
        web.post("/api/load", start),
        web.patch("/api/load", steer),
        web.delete("/api/load", stop),
        web.get("/api/load/timeline", timeline),
        web.get("/api/load/runs", runs),
        web.get(r"/api/load/runs/{number:\d{1,9}}", report),
        web.get(r"/api/load/runs/{number:\d{1,9}}.json", document),
        web.get("/api/load/compare", compare),
    ]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidInput(f"rate_per_s must be a number of requests per second, not {str(value)[:40]!r}")
    return float(value)


def _run_number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput(f"{name} must be the number of a run, not {text[:40]!r}")
    return int(text)


def _seen(request: web.Request) -> Seen | None:
    """What the reader says that it has; None where it says nothing."""
    if "since" not in request.query:
        return None
    try:
        since, column_s = (float(request.query.get(name, "")) for name in ("since", "column_s"))
    except ValueError:
        since = column_s = math.nan
    if not math.isfinite(since) or not math.isfinite(column_s):
        raise InvalidInput("since and column_s must be numbers: elapsed_s and column_s of the answer before")
    return Seen(number=_run_number(request, "run"), until_s=since, column_s=column_s)
