"""What a command's runs give to others: a page and logs as files, and metrics over HTTP for Prometheus.

What cannot be written or served is refused before the first request."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from client.load.report.hlog import HlogWriter, open_hlog
from client.load.report.prometheus import CONTENT_TYPE
from client.load.run import LoadRun
from client.load.run_report import Report
from vmhost.base.errors import InvalidInput

if TYPE_CHECKING:
    from aiohttp import web


class OutputFiles:
    """A page for all runs, and a log for each: the first run's is the given file, the others have a number or their
    tenant's name before the suffix."""

    def __init__(self, *, page: Path | None, log: Path | None) -> None:
        self._page = page
        self._log = log
        self._writers: list[tuple[Path, HlogWriter]] = []
        self._files = ExitStack()
        self.failed = False
        """Whether a requested file could not be written."""

    def check(self) -> None:
        """Raises InvalidInput where a file could not be written."""
        check_writable("--report", self._page)
        check_writable("--hlog", self._log)

    def started(self, runs: Sequence[LoadRun], repetition: int) -> None:
        """Write the finished seconds of runs that have started to the logs from now on. Raises InvalidInput."""
        if self._log is None:
            return
        for run in runs:
            path = self._log_of(run.plan.name, repetition)
            writer = HlogWriter(self._files.enter_context(open_hlog(path)), run.metrics.began)
            self._writers.append((path, writer))
            run.on_interval = writer.write_interval

    def done(self, reports: Sequence[Report]) -> list[str]:
        """Write the page, close the logs and return lines that say what was written."""
        self._files.close()
        self.failed = any(writer.fault for _, writer in self._writers)
        lines = [
            f"log {path} is incomplete: {writer.fault}" if writer.fault else f"log: {path}"
            for path, writer in self._writers
        ]
        if self._page is not None and reports:
            from client.load.report.page.page import report_page

            try:
                self._page.write_text(report_page(reports), encoding="utf-8")
                lines.append(f"report: {self._page}")
            except OSError as error:
                self.failed = True
                lines.append(f"report {self._page} could not be written: {error.strerror}")
        return lines

    def _log_of(self, tenant: str, repetition: int) -> Path:
        assert self._log is not None
        marks = [mark for mark in (tenant, str(repetition + 1) if repetition else "") if mark]
        return self._log.with_stem("-".join([self._log.stem, *(mark.replace("/", "_") for mark in marks)]))


def check_writable(option: str, path: Path | None) -> None:
    """Raises InvalidInput if the option names a file that cannot be written."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise InvalidInput(f"{option} {path}: cannot be written; name a file in a folder that exists")


LOOPBACK = "127.0.0.1"
PATH = "/metrics"
_ADDRESS = re.compile(r"(?:(?P<name>[A-Za-z0-9.-]+)?:|\[(?P<six>[0-9A-Fa-f:.]+)\]:)?(?P<port>[0-9]{1,5})")


@contextlib.asynccontextmanager
async def serve_metrics(address: str, latest: Callable[[], str]) -> AsyncIterator[str]:
    """Serve the text that `latest` returns at /metrics while the context lasts; gives its URL.

    `address` is HOST:PORT, or a port of the loopback address; port 0 takes any. Raises InvalidInput for an address that
    is not understood, is taken or is not this computer's: enter the context before the run starts."""
    from aiohttp import web  # takes half a second with the next import; runs without metrics need not wait for it

    from vmhost.base.web import listen, serve

    host, port = parse_address(address)
    try:
        sock = listen(host, port)
    except InvalidInput as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else error.message
        raise InvalidInput(
            f"metrics cannot be served on {address}: {why}; use a free port of this computer, such as {LOOPBACK}:0"
        ) from error

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=latest().encode(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get(PATH, metrics)
    async with serve(app, sock) as url:
        yield f"{url}{PATH}"


def parse_address(address: str) -> tuple[str, int]:
    """Host, without brackets, and port. Raises InvalidInput."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise InvalidInput(f"address {address!r} is not understood; expected HOST:PORT such as {LOOPBACK}:9400")
    return match["name"] or match["six"] or LOOPBACK, int(match["port"])
