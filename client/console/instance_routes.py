"""Routes about instances: what can be launched, launching, acting on one, experiments, and starting over."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from client.console.commands import Commands
from client.console.request_guard import RequestGuard, json_body
from vmhost.api import USER_DATA_BYTES_MAX
from vmhost.api.views import TypesView
from vmhost.base.errors import InvalidInput
from vmhost.base.json_request import NOT_EMPTY
from vmhost.base.web_guard import json_response

COUNT_MAX = 100
_Id = Annotated[str, NOT_EMPTY, Meta(max_length=128)]


class LaunchForm(Struct, frozen=True, kw_only=True):
    """One launch, checked as far as possible without the platform."""

    image_id: _Id
    type: _Id
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = 1
    host: Annotated[str, Meta(max_length=128)] = ""
    """Empty: any host with room."""
    name: Annotated[str, Meta(max_length=256)] = ""
    user_data: Annotated[str, Meta(max_length=USER_DATA_BYTES_MAX)] = ""

    @property
    def user_data_bytes(self) -> bytes:
        """The user data as the platform gets it. Raises InvalidInput if it is too long."""
        content = self.user_data.encode()
        if len(content) > USER_DATA_BYTES_MAX:
            raise InvalidInput(f"user_data has {len(content)} bytes; the maximum is {USER_DATA_BYTES_MAX}")
        return content


def types_json(view: TypesView) -> dict[str, Any]:
    """Return the types. One that fits nowhere now has the platform's reasons in `why`."""
    types = [
        {
            **asdict(each),
            "why": "" if any(room.fits for room in each.rooms) else "; ".join(room.why for room in each.rooms),
        }
        for each in view.types
    ]
    return {"as_of": view.as_of, "region": view.region, "types": types}


def routes(commands: Commands, guard: RequestGuard) -> list[web.RouteDef]:
    """Return the routes. Those for types, images and what starting over deletes need no key, all others do."""
    cloud = commands.cloud

    async def types(_: web.Request) -> web.Response:
        return json_response(types_json(await cloud.types()))

    async def images(_: web.Request) -> web.Response:
        return json_response({"images": await cloud.describe_images()})

    async def launch(request: web.Request) -> web.Response:
        guard.require_key(request)
        form = await json_body(request, LaunchForm)
        name = form.name.strip()
        launched = await cloud.run_instances(
            image_id=form.image_id.strip(),
            type_name=form.type.strip(),
            count=form.count,
            host_id=form.host or None,
            tags={"Name": name} if name else {},
            user_data=form.user_data_bytes,
        )
        return json_response({"instances": [each.id for each in launched]}, status=201)

    async def act(request: web.Request) -> web.Response:
        guard.require_key(request)
        options = await json_body(request, dict[str, Any])
        await commands.act(request.match_info["action"], request.match_info["id"], options)
        return json_response({})

    async def end_fault(request: web.Request) -> web.Response:
        guard.require_key(request)
        return json_response(await cloud.end_fault(fault_id=request.match_info["id"]))

    async def console_output(request: web.Request) -> web.Response:
        guard.require_key(request)
        return json_response({"text": await cloud.console_output(request.match_info["id"])})

    async def user_data(request: web.Request) -> web.Response:
        guard.require_key(request)
        data = await cloud.user_data(request.match_info["id"])
        return json_response({"text": data.decode(errors="replace"), "bytes": len(data)})

    async def start_experiment(request: web.Request) -> web.Response:
        """Return at once; the progress comes in the stream."""
        guard.require_key(request)
        options = await json_body(request, dict[str, Any])
        victim_id = commands.start_experiment(request.match_info["name"], None, options)
        return json_response({"instance_id": victim_id}, status=202)

    async def start_over(request: web.Request) -> web.Response:
        guard.require_key(request)
        return json_response({"seconds": round(await commands.start_over(), 2)})

    async def deleted(_: web.Request) -> web.Response:
        return json_response({"deleted": await commands.deleted_by_start_over()})

    return [
        web.get("/api/types", types),
        web.get("/api/images", images),
        web.post("/api/instances", launch),
        web.get("/api/instances/{id}/console-output", console_output),
        web.get("/api/instances/{id}/user-data", user_data),
        web.post("/api/instances/{id}/{action}", act),
        web.delete("/api/faults/{id}", end_fault),
        web.post("/api/experiments/{name}", start_experiment),
        web.get("/api/start-over", deleted),
        web.post("/api/start-over", start_over),
    ]
