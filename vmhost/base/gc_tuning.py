"""Settings of the garbage collector for a server that creates almost no reference cycles."""

from __future__ import annotations

import gc

_YOUNG = 50_000
_OLDER = 50


def freeze_existing() -> None:
    """Exclude all objects that exist now from later collections."""
    gc.collect()
    gc.freeze()


def collect_rarely() -> None:
    """Freeze what exists and collect the rest rarely.

    By default every 700 new objects start a collection, at full load several for every ten requests. That takes a tenth
    of the processor's time and finds nothing, because reference counts free the objects of a request."""
    freeze_existing()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
