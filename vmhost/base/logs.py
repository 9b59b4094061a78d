"""Logs on standard error, as text or as JSON lines. An event has a constant name and fields."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

import structlog


class _Lines:
    """Writes lines to the current standard error, or to a file for a while. Errors are ignored: a closed pipe must not
    end the program."""

    def __init__(self) -> None:
        self.file: TextIO | None = None

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            (self.file or sys.stderr).write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            (self.file or sys.stderr).flush()


_lines = _Lines()


def configure(*, json: bool = False, level: str = "info") -> None:
    """Set up logging for this program; call it once, first. `level` is one of debug, info, warning, error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _lines)),
        cache_logger_on_first_use=True,
    )
    form = "%(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=max(number, logging.WARNING), stream=cast(TextIO, _lines), format=form)


@contextlib.contextmanager
def lines_to(path: Path) -> Iterator[None]:
    """Append log lines to the file inside the context, while the terminal shows something else."""
    with path.open("a", errors="backslashreplace") as file:
        before, _lines.file = _lines.file, file
        try:
            yield
        finally:
            _lines.file = before


def get_logger(component: str) -> structlog.stdlib.BoundLogger:
    """Return a logger bound to the component."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(component=component)
    return logger
