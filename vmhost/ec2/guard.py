"""The door of the HTTP server: a middleware that lets in what `Auth` allows and words every refusal for its reader."""

from __future__ import annotations

import asyncio
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from vmhost.base.errors import CloudError, DeadlineExceeded, Internal, InvalidInput, NotFound, Unsupported
from vmhost.base.logs import get_logger
from vmhost.base.sigv4 import Unsigned, scope_of
from vmhost.ec2.auth import SERVICE, Auth
from vmhost.ec2.codec.encode import encode_error
from vmhost.ec2.other_services import refusal_of

MAX_BODY_BYTES = 1024 * 1024
ADMIN = "/_glasscloud/"
HEALTH = "/_glasscloud/health"
REQUEST_ID = web.RequestKey("request_id", str)
BODY = web.RequestKey("body", bytes)

_BODY_S = 10.0
_STATUS_BY_KIND = {"unauthenticated": 401, "denied": 403, "no_capacity": 500, "unavailable": 503, "deadline": 503}
_STATUS_BY_CODE = {
    "DryRunOperation": 412,
    "RequestEntityTooLarge": 413,
    "InternalError": 500,
    "RequestExpired": 400,
    "SignatureDoesNotMatch": 403,
}
_log = get_logger("api")


def guard(auth: Auth) -> Middleware:
    """The middleware: every path but the health check is signed; errors leave as XML, under /_glasscloud/ as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = str(uuid.uuid4())
        if request.remote and auth.from_guest(request.remote):
            return _silence(request)
        try:
            await _admit(request, auth)
            return await handler(request)
        except CloudError as error:
            _log.debug("request_refused", path=request.path, code=error.code, why=error.message)
            return refusal(request, error)
        except web.HTTPException as error:
            return refusal(request, _translated(request, error))
        except Exception:
            _log.exception("request_failed", path=request.path, request_id=request[REQUEST_ID])
            return refusal(request, Internal(f"request {request[REQUEST_ID]} failed here; the log of vmhost says why"))

    return middleware


def _silence(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=403)


async def _admit(request: web.Request, auth: Auth) -> None:
    headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
    auth.check_caller(headers)
    if request.path == HEALTH:
        return
    auth.check_scope(headers)
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Unsupported(f"Content-Encoding {encoding[:40]!r} is not supported; send the body uncompressed")
    request[BODY] = await _body(request)
    unsigned = Unsigned(method=request.method, url=request.raw_path, headers=headers, body=request[BODY])
    auth.check_signature(unsigned, request.remote)


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except (web.RequestPayloadError, ConnectionError):
        raise InvalidInput("the request's body broke off; expected all of its Content-Length") from None
    except TimeoutError:
        raise DeadlineExceeded(f"the request's body did not arrive within {_BODY_S:.0f} s") from None


def _translated(request: web.Request, error: web.HTTPException) -> CloudError:
    if error.status == web.HTTPRequestEntityTooLarge.status_code:
        words = f"the request's body is too large; expected at most {MAX_BODY_BYTES} bytes"
        return InvalidInput(words, code="RequestEntityTooLarge")
    if error.status == web.HTTPMethodNotAllowed.status_code:
        allowed = error.headers.get("Allow", "").replace(",", " or ")
        return InvalidInput(f"{request.path[:80]} does not support {request.method[:16]}; use {allowed}")
    return NotFound(f"there is nothing at {request.path[:80]}; the EC2 API is at /", code="NotFound")


def refusal(request: web.Request, error: CloudError) -> web.Response:
    """The error as this path's readers expect it."""
    if request.path.startswith(ADMIN):
        body = {"error": {"kind": error.kind, "code": error.code, "message": error.message}}
        return web.json_response(body, status=error.status)
    default = 500 if isinstance(error, Internal) else 400
    status = _STATUS_BY_CODE.get(error.code) or _STATUS_BY_KIND.get(error.kind, default)
    scope = scope_of(request.headers.get("Authorization", ""))
    if scope is not None and scope.service != SERVICE:
        other = refusal_of(scope.service, request.headers, error, request[REQUEST_ID])
        return web.Response(body=other.body, status=status, headers=other.headers)
    xml = encode_error(error.code, error.message, request[REQUEST_ID])
    return web.Response(body=xml, status=status, content_type="text/xml", charset="utf-8")
