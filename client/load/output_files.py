"""The files that a command's runs leave behind, refused before the first request where they cannot be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from client.load.report.hlog import HlogWriter, open_hlog
from client.load.report.report import Report
from client.load.run import LoadRun
from vmhost.base.errors import InvalidInput


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
        for option, path in (("--report", self._page), ("--hlog", self._log)):
            if path is not None and not _writable(path):
                raise InvalidInput(f"{option} {path}: cannot be written; name a file in a folder that exists")

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


def _writable(path: Path) -> bool:
    if path.exists():
        return not path.is_dir() and os.access(path, os.W_OK)
    return path.parent.is_dir() and os.access(path.parent, os.W_OK)
