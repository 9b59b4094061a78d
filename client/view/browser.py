"""Open a page in the user's browser, if there is a graphical one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping


def browser_command(
    environ: Mapping[str, str] = os.environ, platform: str = sys.platform, which: object = None
) -> str | None:
    """Return the program that opens an address in a window; None without one.

    Text browsers are ignored: they would need the terminal."""
    find = which if callable(which) else shutil.which
    if platform == "darwin":
        return "open"
    if find("wslview"):
        return "wslview"
    window = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return "xdg-open" if window and find("xdg-open") else None


def open_browser(url: str) -> bool:
    """Open the address; return whether a browser could be started."""
    command = browser_command()
    if command is None:
        return False
    try:
        subprocess.Popen(
            [command, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
