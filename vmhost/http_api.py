"""The platform's HTTP server: EC2 and STS's GetCallerIdentity at /, its own endpoints under /_glasscloud/."""

from __future__ import annotations

import asyncio
import functools
import socket
import uuid
from contextlib import AbstractAsyncContextManager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from vmhost.admin import HEALTH, PREFIX, add_routes
from vmhost.base.errors import CloudError, DeadlineExceeded, InvalidInput, Unsupported
from vmhost.base.logs import get_logger
from vmhost.base.sigv4 import Unsigned, scope_of
from vmhost.base.web import serve
from vmhost.base.web_guard import answered, json_refusal
from vmhost.control.call_log import client_name
from vmhost.control.cloud import Cloud
from vmhost.ec2 import sts
from vmhost.ec2.actions.action import Context
from vmhost.ec2.auth import STS, Auth
from vmhost.ec2.ec2_service import Ec2Service
from vmhost.ec2.error_response import error_body, http_status

BODY_BYTES_MAX = 1024 * 1024
_BODY_S = 10.0
_REQUEST_ID = web.RequestKey("request_id", str)
_log = get_logger("api")


def serve_api(
    cloud: Cloud, auth: Auth, sock: socket.socket, *, service: Ec2Service | None = None, drain_s: float = 2.0
) -> AbstractAsyncContextManager[str]:
    """Serve an open cloud on the listening socket inside the context; gives the URL.

    `service` is stateless and may be shared; creating one takes half a second."""
    service = service or Ec2Service()

    async def ec2(request: web.Request) -> web.Response:
        client = client_name(request.headers.get("User-Agent", ""))
        context = Context(cloud=cloud, endpoint=request.host, client=client)
        form = await request.read() if request.method == "POST" else request.rel_url.raw_query_string.encode()
        scope = scope_of(request.headers.get("Authorization", ""))
        if scope is not None and scope.service == STS:
            body = sts.call(form, request[_REQUEST_ID])
        else:
            body = await service.call(context, form, request[_REQUEST_ID])
        return web.Response(body=body, content_type="text/xml", charset="utf-8")

    app = web.Application(middlewares=[_guard(auth)], client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/", ec2)
    app.router.add_get("/", ec2, allow_head=False)
    add_routes(app, cloud)
    return serve(app, sock, drain_s=drain_s, refuse=functools.partial(_refuse, auth))


def _guard(auth: Auth) -> Middleware:
    """Every request except the health check must be signed."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[_REQUEST_ID] = str(uuid.uuid4())
        if _is_guest(auth, request):
            return _disconnect(request)

        async def admitted(request: web.Request) -> web.StreamResponse:
            await _admit(request, auth)
            return await handler(request)

        return await answered(
            request,
            admitted,
            functools.partial(_refuse, auth),
            log=_log,
            home="the EC2 API is at /",
            body_bytes_max=BODY_BYTES_MAX,
            request_id=request[_REQUEST_ID],
        )

    return middleware


async def _admit(request: web.Request, auth: Auth) -> None:
    auth.check_caller(request.method, request.headers)
    if request.path == HEALTH:
        return
    headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
    auth.check_scope(headers.get("authorization", ""))
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Unsupported(f"Content-Encoding {encoding[:40]!r} is not supported; send the body uncompressed")
    unsigned = Unsigned(method=request.method, url=request.raw_path, headers=headers, body=await _body(request))
    auth.check_signature(unsigned, request.remote)


async def _body(request: web.Request) -> bytes:
    """Read the body; the handler's `request.read()` then returns it again."""
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise InvalidInput("the request body ended before its Content-Length") from None
    except TimeoutError:
        raise DeadlineExceeded(f"the request body did not arrive within {_BODY_S:.0f} s") from None


def _refuse(auth: Auth, request: web.BaseRequest, error: CloudError) -> web.Response:
    """Return the error in the format that the path's clients expect; instances get no response."""
    if _is_guest(auth, request):
        return _disconnect(request)
    _log.debug("request_refused", path=request.path[:200], code=error.code, why=error.message)
    if request.path.startswith(PREFIX):
        return json_refusal(request, error)
    body, headers = error_body(request.headers, error, request.get(_REQUEST_ID) or str(uuid.uuid4()))
    return web.Response(body=body, status=http_status(error), headers=headers)


def _is_guest(auth: Auth, request: web.BaseRequest) -> bool:
    return bool(request.remote) and auth.from_guest(request.remote or "")


def _disconnect(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=403)
