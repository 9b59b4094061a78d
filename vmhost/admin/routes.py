"""The endpoints under /_glasscloud/."""

from __future__ import annotations

from aiohttp import web

from vmhost.admin.orders import EndFault, HogCpu, Kill, Order, parse_order
from vmhost.admin.snapshot import snapshot
from vmhost.api.views import FaultView
from vmhost.base.sse import respond
from vmhost.control.cloud import Cloud
from vmhost.ec2.asker import who_asks
from vmhost.ec2.guard import BODY, HEALTH


def add_routes(app: web.Application, cloud: Cloud) -> None:
    """Adds them to the app. Streams end when the app shuts down."""

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def status(_: web.Request) -> web.Response:
        return web.json_response(snapshot(cloud).to_json())

    async def types(_: web.Request) -> web.Response:
        return web.json_response(cloud.hosts.types(cloud.types).to_json())

    async def cpu(_: web.Request) -> web.Response:
        return web.json_response((await cloud.usage.cpu()).to_json())

    async def events(request: web.Request) -> web.StreamResponse:
        return await respond(request, cloud.hub, lambda: snapshot(cloud).to_json())

    async def faults(request: web.Request) -> web.Response:
        order = parse_order(request[BODY])
        with cloud.calls.recording(type(order).__name__, by=who_asks(request.headers.get("User-Agent", ""))) as call:
            call.add_instances((order.instance_id,) if order.instance_id else ())
            fault = await _carry_out(cloud, order)
            call.add_instances((fault.instance_id,))
        return web.json_response(fault.to_json())

    async def end_streams(_: web.Application) -> None:
        cloud.hub.close()

    app.router.add_get(HEALTH, health)
    app.router.add_get("/_glasscloud/status", status)
    app.router.add_get("/_glasscloud/types", types)
    app.router.add_get("/_glasscloud/cpu", cpu)
    app.router.add_get("/_glasscloud/events", events)
    app.router.add_post("/_glasscloud/faults", faults)
    app.on_shutdown.append(end_streams)


async def _carry_out(cloud: Cloud, order: Order) -> FaultView:
    match order:
        case Kill():
            return await cloud.faults.kill(order.instance_id)
        case HogCpu():
            seconds, workers = order.seconds, order.workers_per_vcpu
            return await cloud.faults.hog_cpu(order.instance_id, seconds=seconds, workers_per_vcpu=workers)
        case EndFault():
            return await cloud.faults.end(fault_id=order.fault_id, instance_id=order.instance_id)
