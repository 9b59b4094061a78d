"""What a script prints, as whole lines that may be shown on a terminal, bounded."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from client.terminal.plain_text import clean

LINES_MAX = 20
"""The most lines that are kept between two calls of `take`; further ones are counted."""
LINE_MAX_CHARACTERS = 500
FIRST_MAX, LAST_MAX = 50, 50
"""How many of a run's first and last lines are kept for its report."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""Escape sequences of terminals: colours, cursor movements, titles."""


def printable_line(line: str) -> str:
    """A printed line as it may be shown: without colours and other escape sequences, and cut."""
    line = clean(_SEQUENCE.sub("", line).expandtabs(4))
    return line if len(line) <= LINE_MAX_CHARACTERS else f"{line[: LINE_MAX_CHARACTERS - 1]}…"


class CapturedOutput(io.RawIOBase):
    """A file that keeps the lines written to it, from any thread, until they are taken. Never blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._left_out = 0
        self._unfinished = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        """Takes bytes; a line counts once its end was written. Of an overlong line the beginning is kept."""
        raw = bytes(data)  # type: ignore[call-overload]
        with self._lock:
            *lines, unfinished = (self._unfinished + raw).split(b"\n")
            self._unfinished = unfinished[: 8 * LINE_MAX_CHARACTERS]
            for line in lines:
                self._keep(line)
        return len(raw)

    def take(self, *, rest: bool = False) -> tuple[list[str], int]:
        """The lines since this was called before, and how many more there were; with `rest` also one without an end."""
        with self._lock:
            if rest and self._unfinished:
                self._keep(self._unfinished)
                self._unfinished = b""
            taken, self._lines = (self._lines, self._left_out), []
            self._left_out = 0
        return taken

    def _keep(self, line: bytes) -> None:
        if len(self._lines) >= LINES_MAX:
            self._left_out += 1
            return
        # A progress bar writes its line again and again, from its beginning.
        text = line.removesuffix(b"\r").rpartition(b"\r")[2][: 8 * LINE_MAX_CHARACTERS].decode("utf-8", "replace")
        self._lines.append(printable_line(text))


@contextmanager
def capture_output(printed: CapturedOutput) -> Iterator[None]:
    """While the block lasts, what is written to standard output and standard error is kept there."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.TextIOWrapper(printed, "utf-8", "replace", write_through=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class OutputLog:
    """What a run's script printed: its first fifty and its last fifty lines, and how many were left out."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_MAX)
        self.left_out = 0

    def add(self, lines: Sequence[str], left_out: int) -> list[str]:
        """More lines, and how many the sender left out after them. Return them as they are shown meanwhile."""
        told = [printable_line(line) for line in lines[: 2 * LINES_MAX]]
        left_out += len(lines) - len(told)
        for line in told:
            if len(self._first) < FIRST_MAX:
                self._first.append(line)
            else:
                self.left_out += len(self._last) == LAST_MAX
                self._last.append(line)
        self.left_out += left_out
        return [*told, f"… {left_out:,} more lines left out"] if left_out else told

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are kept; where some were left out, one in the middle says so."""
        gap = (f"… {self.left_out:,} lines left out …",) if self.left_out else ()
        return (*self._first, *gap, *self._last)
