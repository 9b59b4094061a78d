"""The garbage collector's manners in a program that makes almost no rings of objects."""

from __future__ import annotations

import gc

_YOUNG = 50_000
_OLDER = 50


def relax_collector() -> None:
    """Sets what exists aside as here to stay, and has the rest looked through seldom.

    By default each 700 new objects start a collection, at full load several for every ten requests: a tenth of the
    processor's time, to find nothing, because requests' objects are freed by their reference counts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
