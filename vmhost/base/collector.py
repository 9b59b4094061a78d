"""The garbage collector's manners in a program that makes almost no rings of objects."""

from __future__ import annotations

import gc

_YOUNG = 50_000
_OLDER = 50


def set_aside() -> None:
    """Takes what exists now as here to stay, so that no later collection goes through it again."""
    gc.collect()
    gc.freeze()


def relax() -> None:
    """Sets what exists aside and has the rest looked through seldom.

    By default each 700 new objects start a collection, at full load several for every ten requests: a tenth of the
    processor's time, to find nothing, because requests' objects are freed by their reference counts."""
    set_aside()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
