"""The endpoints under /_glasscloud/."""

from __future__ import annotations

from aiohttp import web

from vmhost.admin.orders import HogCpu, parse_order
from vmhost.admin.snapshot import snapshot
from vmhost.base.sse import respond
from vmhost.control.cloud import Cloud
from vmhost.ec2.guard import BODY, HEALTH


def add_routes(app: web.Application, cloud: Cloud) -> None:
    """Adds them to the app. Streams end when the app shuts down."""

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def status(_: web.Request) -> web.Response:
        return web.json_response(snapshot(cloud).to_json())

    async def events(request: web.Request) -> web.StreamResponse:
        return await respond(request, cloud.hub, lambda: snapshot(cloud).to_json())

    async def faults(request: web.Request) -> web.Response:
        order = parse_order(request[BODY])
        if isinstance(order, HogCpu):
            fault = await cloud.hog_cpu(
                order.instance_id, seconds=order.seconds, workers_per_vcpu=order.workers_per_vcpu
            )
        else:
            fault = await cloud.kill(order.instance_id)
        return web.json_response(fault.to_json())

    async def end_streams(_: web.Application) -> None:
        cloud.hub.close()

    app.router.add_get(HEALTH, health)
    app.router.add_get("/_glasscloud/status", status)
    app.router.add_get("/_glasscloud/events", events)
    app.router.add_post("/_glasscloud/faults", faults)
    app.on_shutdown.append(end_streams)
