"""A terminal as a full screen: draws lines, reads single keys, and restores the terminal at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence

from client.terminal.text import Line, cells, painted, plain

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _TO_LINE_END, _DOWN_CLEAR = "\x1b[H", "\x1b[K", "\x1b[J"
_KEYS_MAX_BYTES = 256
ESCAPE, ENTER, BACKSPACE, INTERRUPT = "escape", "enter", "backspace", "interrupt"
_NAMED = {"\x03": INTERRUPT, "\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\x1b": ESCAPE}


def is_terminal(environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether input and output are a terminal that can draw."""
    return sys.stdin.isatty() and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"


def wants_colour(environ: Mapping[str, str] = os.environ) -> bool:
    """Returns False if NO_COLOR is set to anything (no-color.org)."""
    return not environ.get("NO_COLOR")


def keys_of(data: bytes) -> list[str]:
    """Returns the keys in these bytes: characters, `escape`, `enter`, `backspace`, `interrupt` (Ctrl-C).

    Ignores cursor and function keys."""
    text = data.decode("utf-8", "ignore")
    if len(text) > 1 and text.startswith("\x1b"):
        return []
    return [_NAMED.get(char, char) for char in text if char in _NAMED or char.isprintable()]


class Terminal:
    """Standard input and output as a full screen. Use `taken` inside a running event loop.

    The terminal is restored at the end of the block, also after an exception, and while Ctrl-Z suspends us."""

    def __init__(self, *, on_key: Callable[[str], None], on_resize: Callable[[], None], colour: bool) -> None:
        self._on_key = on_key
        self._on_resize = on_resize
        self._colour = colour
        self._input = sys.stdin.fileno()
        self._keys = -1
        self._was: list[object] | None = None
        self._shown: list[str] = []

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
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(sys.stdout.fileno())
            if size.columns and size.lines:
                return size.columns, size.lines
        return 80, 24

    def draw(self, lines: Sequence[Line]) -> None:
        """Shows the lines; writes only those that changed."""
        new = [painted(each, colour=self._colour) for each in lines]
        columns, _ = self.size()
        parts = []
        for row, text in enumerate(new):
            if row >= len(self._shown) or self._shown[row] != text:
                # After the last column the cursor still stands on it: clearing from there would take its character.
                rest = _TO_LINE_END if cells(plain(lines[row])) < columns else ""
                parts.append(f"\x1b[{row + 1};1H{text}{rest}")
        if len(new) < len(self._shown):
            parts.append(f"\x1b[{len(new) + 1};1H{_DOWN_CLEAR}")
        self._shown = new
        if parts:
            self._write("".join(parts))

    def _take(self) -> None:
        self._was = termios.tcgetattr(self._input)
        # cbreak, not raw: Ctrl-Z stays a signal.
        tty.setcbreak(self._input, termios.TCSADRAIN)
        _make_interrupt_a_key(self._input)
        self._shown = []
        self._write(_ENTER)

    def _give_back(self) -> None:
        if self._was is None:
            return
        was, self._was = self._was, None
        with contextlib.suppress(OSError, termios.error):
            self._write(_LEAVE)
            termios.tcsetattr(self._input, termios.TCSADRAIN, was)  # type: ignore[arg-type]

    def _paused(self) -> None:
        """Suspends this process (Ctrl-Z); execution continues below when the shell resumes it."""
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._on_resize()

    def _resized(self) -> None:
        self._shown = []
        self._write(_HOME + _DOWN_CLEAR)
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

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


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
