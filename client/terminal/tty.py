"""A terminal as a full screen: draws lines, reads single keys, and restores the terminal at the end.

rich draws each line; which lines changed is found by hand, because rich's Live writes the whole screen each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.text import Text

_FRAME_S = 0.25
_KEYS_MAX_BYTES = 256
ESCAPE, ENTER, BACKSPACE, INTERRUPT = "escape", "enter", "backspace", "interrupt"
_NAMED = {"\x03": INTERRUPT, "\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\x1b": ESCAPE}


def is_terminal(environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether input and output are a terminal that can draw."""
    return sys.stdin.isatty() and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"


def keys_of(data: bytes) -> list[str]:
    """Returns the keys in these bytes: characters, `escape`, `enter`, `backspace`, `interrupt` (Ctrl-C).

    Ignores cursor and function keys."""
    text = data.decode("utf-8", "ignore")
    if len(text) > 1 and text.startswith("\x1b"):
        return []
    return [_NAMED.get(char, char) for char in text if char in _NAMED or char.isprintable()]


class Screen(Protocol):
    """A screen to draw on: `Terminal` or a substitute."""

    def taken(self) -> AbstractContextManager[None]:
        """Uses the screen until the end of the block."""

    def size(self) -> tuple[int, int]:
        """Returns the present number of columns and rows."""

    def draw(self, lines: Sequence[Text]) -> None:
        """Shows the lines. Raises OSError if the screen is gone."""


async def draw_changes(screen: Screen, changed: asyncio.Event, render: Callable[[int, int], Sequence[Text]]) -> None:
    """Draws at once and after each change, at most four times a second, until cancelled or the screen is gone.

    `render` returns the lines for a number of columns and rows. Raises OSError."""
    while True:
        changed.clear()
        screen.draw(render(*screen.size()))
        await asyncio.sleep(_FRAME_S)
        await changed.wait()


class Terminal:
    """Standard input and output as a full screen. Use `taken` inside a running event loop.

    The terminal is restored at the end of the block, also after an exception, and while Ctrl-Z suspends us."""

    def __init__(self, *, on_key: Callable[[str], None], on_resize: Callable[[], None]) -> None:
        self._on_key = on_key
        self._on_resize = on_resize
        # Only here, because most runs of a load ask `is_terminal` and draw nothing.
        from rich.console import Console

        # It leaves out colours if NO_COLOR is set (no-color.org).
        self._console = Console(highlight=False)
        self._input = sys.stdin.fileno()
        self._keys = -1
        self._was: list[object] | None = None
        self._shown: list[Text] = []

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Uses the terminal as a full screen until the end of the block."""
        loop = asyncio.get_running_loop()
        self._take()
        self._keys = _open_for_keys(self._input)
        try:
            loop.add_reader(self._keys, self._readable)
            loop.add_signal_handler(signal.SIGWINCH, self._resized)
            loop.add_signal_handler(signal.SIGTSTP, self._paused)
            yield
        finally:
            loop.remove_reader(self._keys)
            loop.remove_signal_handler(signal.SIGWINCH)
            loop.remove_signal_handler(signal.SIGTSTP)
            os.set_blocking(self._keys, True)
            os.close(self._keys)
            self._give_back()

    def size(self) -> tuple[int, int]:
        """Returns the present number of columns and rows; 80 x 24 if it is unknown."""
        # rich would use COLUMNS and LINES if they are exported; they stay the same when the window changes.
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(sys.stdout.fileno())
            if size.columns and size.lines:
                return size.columns, size.lines
        return 80, 24

    def draw(self, lines: Sequence[Text]) -> None:
        """Shows the lines, which fill the screen; writes only those that changed."""
        columns, _ = self.size()
        with self._console as console:
            options = console.options.update(width=columns, no_wrap=True, overflow="crop")
            for row, text in enumerate(lines):
                if self._shown[row : row + 1] != [text]:
                    # Padded, so that nothing of a longer line remains.
                    console.update_screen_lines(console.render_lines(text, options, pad=True), 0, row)
            self._shown = list(lines)

    def _take(self) -> None:
        self._was = termios.tcgetattr(self._input)
        # cbreak, not raw: Ctrl-Z stays a signal.
        tty.setcbreak(self._input, termios.TCSADRAIN)
        _make_interrupt_a_key(self._input)
        self._shown = []
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)

    def _give_back(self) -> None:
        if self._was is None:
            return
        was, self._was = self._was, None
        with contextlib.suppress(OSError, termios.error):
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
            termios.tcsetattr(self._input, termios.TCSADRAIN, was)  # type: ignore[arg-type]

    def _paused(self) -> None:
        """Suspends this process (Ctrl-Z); execution continues below when the shell resumes it."""
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._on_resize()

    def _resized(self) -> None:
        self._shown = []
        self._on_resize()

    def _readable(self) -> None:
        try:
            data = os.read(self._keys, _KEYS_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # The terminal is gone. Its end of file would be read again and again.
            asyncio.get_running_loop().remove_reader(self._keys)
            self._on_key("q")
            return
        for key in keys_of(data):
            self._on_key(key)


def _make_interrupt_a_key(terminal: int) -> None:
    """Makes Ctrl-C a key: as a signal it would also end `make`, which would report a failure."""
    attributes = termios.tcgetattr(terminal)
    attributes[6][termios.VINTR] = bytes([os.fpathconf(terminal, "PC_VDISABLE") & 0xFF])
    termios.tcsetattr(terminal, termios.TCSADRAIN, attributes)


def _open_for_keys(terminal: int) -> int:
    """Opens the same terminal again: the event loop makes it non-blocking, which the shell's own must not become."""
    with contextlib.suppress(OSError):
        return os.open(os.ttyname(terminal), os.O_RDONLY | os.O_NOCTTY)
    with contextlib.suppress(OSError):
        return os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
    return os.dup(terminal)
