"""The platform's own endpoints, under /_glasscloud/: state, events, types, CPU figures, faults, changes of type."""

from __future__ import annotations

import msgspec
from aiohttp import web

from vmhost.api.views import CapabilityView, DriverView, FaultView, Snapshot
from vmhost.base.errors import InvalidInput
from vmhost.base.sse import respond
from vmhost.base.web_guard import json_response
from vmhost.control.call_log import client_name
from vmhost.control.cloud import Cloud
from vmhost.control.instances.lifecycle import REQUESTS, InstanceEvent, states_for
from vmhost.control.instances.record import InstanceState
from vmhost.faults.registry import FAULTS, FaultRequest, parse_fault_request
from vmhost.model.guest import Capabilities

PREFIX = "/_glasscloud/"
HEALTH = PREFIX + "health"
ALLOWED = {
    **{event.value: tuple(state.value for state in states_for(event)) for event in InstanceEvent if event in REQUESTS},
    **dict.fromkeys(FAULTS, (InstanceState.RUNNING.value,)),
}
"""The states in which each request has an effect, from the lifecycle table."""


class ResizeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to change a running instance's type."""

    type: str


def add_routes(app: web.Application, cloud: Cloud) -> None:
    """Add the endpoints to the app. Streams end when the app shuts down."""

    async def health(_: web.Request) -> web.Response:
        return json_response({"status": "ok"})

    async def status(_: web.Request) -> web.Response:
        return json_response(snapshot(cloud))

    async def types(_: web.Request) -> web.Response:
        return json_response(cloud.hosts.types(cloud.types))

    async def cpu(_: web.Request) -> web.Response:
        return json_response(await cloud.usage.cpu())

    async def events(request: web.Request) -> web.StreamResponse:
        return await respond(request, cloud.hub, lambda: snapshot(cloud))

    async def faults(request: web.Request) -> web.Response:
        wanted = parse_fault_request(await request.read())
        with cloud.calls.recording(wanted.action, by=client_name(request.headers.get("User-Agent", ""))) as call:
            call.add_instances((wanted.instance_id,) if wanted.instance_id else ())
            fault = await _apply(cloud, wanted)
            call.add_instances((fault.instance_id,))
        return json_response(fault)

    async def resize(request: web.Request) -> web.Response:
        instance_id = request.match_info["id"]
        try:
            wanted = msgspec.json.decode(await request.read(), type=ResizeRequest)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidInput(f'the body must be JSON such as {{"type": "t3.micro"}}: {error}') from None
        with cloud.calls.recording("ResizeInstance", by=client_name(request.headers.get("User-Agent", ""))) as call:
            call.add_instances((instance_id,))
            resized = await cloud.instances.resize(instance_id, wanted.type)
        return json_response(cloud.instances.view(resized))

    async def known_faults(_: web.Request) -> web.Response:
        return json_response({"faults": [fault.describe() for fault in FAULTS.values()]})

    async def end_streams(_: web.Application) -> None:
        cloud.hub.close()

    app.router.add_get(HEALTH, health)
    app.router.add_get(PREFIX + "status", status)
    app.router.add_get(PREFIX + "types", types)
    app.router.add_get(PREFIX + "cpu", cpu)
    app.router.add_get(PREFIX + "events", events)
    app.router.add_get(PREFIX + "faults", known_faults)
    app.router.add_post(PREFIX + "faults", faults)
    app.router.add_post(PREFIX + "instances/{id}/resize", resize)
    app.on_shutdown.append(end_streams)


async def _apply(cloud: Cloud, wanted: FaultRequest) -> FaultView:
    if wanted.fault is not None and wanted.instance_id is not None:
        return await cloud.faults.inject(wanted.instance_id, wanted.fault)
    return await cloud.faults.end(fault_id=wanted.fault_id, instance_id=wanted.instance_id)


def snapshot(cloud: Cloud) -> Snapshot:
    """Return the present state. Nothing awaits here, so it agrees with the hub's last event."""
    capabilities = cloud.capabilities()
    return Snapshot(
        cloud=cloud.settings.name,
        region=cloud.region,
        driver=capabilities.driver,
        stands_for=capabilities.stands_for,
        one=capabilities.one,
        capabilities=_views(capabilities),
        drivers=tuple(
            DriverView(name=each.driver, stands_for=each.stands_for, one=each.one, capabilities=_views(each))
            for each in capabilities.by_driver.values()
        ),
        notes=capabilities.notes,
        overcommit=cloud.settings.overcommit,
        hosts=cloud.hosts.hosts(),
        instances=tuple(cloud.instances.view(instance) for instance in cloud.instances.all()),
        faults=cloud.faults.running(),
        fault_kinds=tuple(fault.describe() for fault in FAULTS.values()),
        calls=cloud.calls.last(),
        allowed=ALLOWED,
    )


def _views(capabilities: Capabilities) -> tuple[CapabilityView, ...]:
    return tuple(CapabilityView(name=item.name, enforced=item.enforced, why=item.why) for item in capabilities.items)
