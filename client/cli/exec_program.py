"""Replace this process by another of our programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def exec_program(package: str, args: Sequence[str]) -> NoReturn:
    """Replace this process by `python -m package args`."""
    sys.stdout.flush()
    # -P: a folder `server` in the current folder must not replace our package.
    os.execv(sys.executable, [sys.executable, "-P", "-m", package, *args])
