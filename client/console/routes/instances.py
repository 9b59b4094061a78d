"""Instances: launching them, what can be done to one, and what only its owner may read of it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from client.console.desk import Desk
from client.console.guard import Door
from client.console.launching import Launch
from client.console.routes.body import body_of
from client.experiments.results import HogPlan
from vmhost.base.errors import InvalidInput

HOG_S_MAX = 60.0
WORKERS_MAX = 64
"""The platform's bounds, held here too: it would refuse only after the time before the hog was measured."""


def routes(desk: Desk, gate: Door) -> list[web.RouteDef]:
    """Each action of `client.console.actions` at its own address. All of it needs the key."""

    async def launch(request: web.Request) -> web.Response:
        gate.must_act(request)
        wish = Launch.of(await body_of(request))
        made = await desk.cloud.run_instances(
            image_id=wish.image_id,
            type_name=wish.type_name,
            count=wish.count,
            host_id=wish.host_id,
            tags=wish.tags,
            user_data=wish.user_data,
        )
        return web.json_response({"instances": [each.id for each in made]}, status=201)

    async def act(request: web.Request) -> web.Response:
        gate.must_act(request)
        plan = hog_plan(await body_of(request))
        await desk.act(request.match_info["action"], request.match_info["id"], plan)
        return web.json_response({})

    async def end_hog(request: web.Request) -> web.Response:
        gate.must_act(request)
        await body_of(request)
        fault = await desk.cloud.end_fault(instance_id=request.match_info["id"])
        return web.json_response(fault.to_json())

    async def console_output(request: web.Request) -> web.Response:
        gate.must_act(request)
        return web.json_response({"text": await desk.cloud.console_output(request.match_info["id"])})

    async def user_data(request: web.Request) -> web.Response:
        gate.must_act(request)
        data = await desk.cloud.user_data(request.match_info["id"])
        return web.json_response({"text": data.decode(errors="replace"), "bytes": len(data)})

    return [
        web.post("/api/instances", launch),
        web.get("/api/instances/{id}/console-output", console_output),
        web.get("/api/instances/{id}/user-data", user_data),
        web.delete("/api/instances/{id}/hog", end_hog),
        web.post("/api/instances/{id}/{action}", act),
    ]


def hog_plan(data: dict[str, Any]) -> HogPlan:
    """How long and how hard to hog, where the page says it; else as usual. Raises InvalidInput."""
    usual = HogPlan()
    seconds, strength = data.get("seconds", usual.hog_s), data.get("workers_per_vcpu", usual.workers_per_vcpu)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= HOG_S_MAX:
        raise InvalidInput(f"seconds must be a number from 1 to {HOG_S_MAX:g}, not {str(seconds)[:40]!r}")
    if isinstance(strength, bool) or not isinstance(strength, int) or not 1 <= strength <= WORKERS_MAX:
        raise InvalidInput(
            f"workers_per_vcpu must be a whole number from 1 to {WORKERS_MAX}, not {str(strength)[:40]!r}"
        )
    return HogPlan(hog_s=float(seconds), workers_per_vcpu=strength)
