"""aiohttp's server, but what is no HTTP request is refused in a sentence instead of with its bytes and a traceback."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.log import server_logger
from aiohttp.web_protocol import RequestHandler


class _Refused(logging.Filter):
    """Keeps out what was refused because it is no HTTP request: whoever sent it is at fault, and was told."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_REFUSED = _Refused()


def log_no_refusals() -> None:
    """From now on aiohttp's servers log no traceback for what they cannot read. Idempotent."""
    server_logger.addFilter(_REFUSED)


class PlainServer(web.Server):
    """Serves a bare handler."""

    def __call__(self) -> RequestHandler:
        return _Requests(self, loop=self._loop, **self._kwargs)


class _Requests(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what could not be read as a request; the connection ends with it."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        words = "this is no HTTP request; expected HTTP/1.1\n"
        if isinstance(exc, LineTooLong):
            words = "a line of this request is too long; expected a shorter address or header\n"
        answer = web.Response(status=status, text=words)
        answer.force_close()
        return answer
