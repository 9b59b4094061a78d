"""The HTTP server of the platform: the EC2 API at /, the platform's own endpoints under /_glasscloud/."""

from __future__ import annotations

from aiohttp import web

from vmhost.admin.routes import add_routes
from vmhost.control.cloud import Cloud
from vmhost.ec2.actions.base import Context
from vmhost.ec2.asker import who_asks
from vmhost.ec2.auth import Auth
from vmhost.ec2.guard import BODY, MAX_BODY_BYTES, REQUEST_ID, guard
from vmhost.ec2.service import Ec2Service


def make_app(cloud: Cloud, auth: Auth, *, service: Ec2Service | None = None) -> web.Application:
    """The app over an open cloud; serve it and it answers.

    Without a `service` (it has no state and can be shared) it makes one, which takes a moment."""
    service = service or Ec2Service()

    async def ec2(request: web.Request) -> web.Response:
        by = who_asks(request.headers.get("User-Agent", ""))
        context = Context(cloud=cloud, endpoint=request.host, by=by)
        form = request[BODY] if request.method == "POST" else request.rel_url.raw_query_string.encode()
        body = await service.call(context, form, request[REQUEST_ID])
        return web.Response(body=body, content_type="text/xml", charset="utf-8")

    app = web.Application(middlewares=[guard(auth)], client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/", ec2)
    app.router.add_get("/", ec2, allow_head=False)
    add_routes(app, cloud)
    return app
