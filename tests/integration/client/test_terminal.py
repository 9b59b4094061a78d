"""The terminal as a full screen, drawn in a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

PROGRAM = """
import asyncio
from client.terminal.styled_text import Style, line
from client.terminal.tty import Terminal

def lines(last):
    return [line("x" * 20), line(("[red]bold[/red]", Style.BOLD), (" bad", Style.BAD)), line(last)]

async def main():
    terminal = Terminal(on_key=print, on_resize=lambda: None)
    with terminal.taken():
        for last in ("a longer line", "short", "short"):
            terminal.draw(lines(last))
            print(end="<drawn>", flush=True)

asyncio.run(main())
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


def drawn(**environ: str) -> str:
    """Returns everything that the program wrote to a terminal of 20 x 3."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 3, 20, 0, 0))
    before = termios.tcgetattr(its)
    # Exported sizes are wrong as soon as the window changes.
    settings = {**os.environ, "TERM": "xterm", "COLUMNS": "99", "LINES": "9", "NO_COLOR": "", **environ}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=its, stdout=its, stderr=its, env=settings)
    assert process.wait(timeout=30) == 0
    assert termios.tcgetattr(its) == before
    written = os.read(ours, 65536).decode()
    os.close(its)
    os.close(ours)
    return written


def test_screen_is_drawn_and_left() -> None:
    written = drawn()
    assert written.startswith(ALTERNATE)
    assert written.rstrip().endswith(BACK)
    first, second, third, _ = written.split("<drawn>")
    assert "x" * 20 in first
    assert COLOUR.search(first)
    # Only what changed is written, and nothing of the longer line remains.
    assert "x" not in second
    assert "short" + " " * 15 in second
    assert third == ""


def test_markup_is_shown_as_it_is() -> None:
    assert "[red]bold[/red]" in drawn()


@pytest.mark.parametrize("value", ["1", "0"])
def test_no_color_with_any_value(value: str) -> None:
    written = drawn(NO_COLOR=value)
    assert "bad" in written
    assert not COLOUR.search(written)
