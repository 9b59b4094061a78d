"""Becoming another program of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def become(package: str, args: Sequence[str]) -> NoReturn:
    """Replaces this process by `python -m package args`."""
    sys.stdout.flush()
    # -P: a folder `server` where the user stands must not stand in for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", package, *args])
