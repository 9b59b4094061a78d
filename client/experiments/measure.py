"""Marks and windows of a load that must last for the whole measurement."""

from __future__ import annotations

from client.load.run_result import Mark
from client.load.session import LoadSession
from client.load.summary import Summary
from vmhost.base.errors import Conflict

MEASURING = "measuring"
"""The first word of a mark that bounds a window and is no event. Charts without room leave such marks out."""


async def mark_load(load: LoadSession, text: str) -> Mark:
    """Mark an event, as `LoadSession.mark`. Raises Conflict if the load has ended."""
    mark = await load.mark(text)
    if mark is None:
        raise _ended(load)
    return mark


async def measure_window(load: LoadSession, since: float, until: float) -> Summary:
    """Return the window, as `LoadSession.window`. Raises Conflict if the load has ended."""
    window = await load.window(since, until)
    if window is None:
        raise _ended(load)
    return window


def _ended(load: LoadSession) -> Conflict:
    why = f" ({load.past[0].error})" if load.past and load.past[0].error else ""
    return Conflict(f"the load ended during the measurement{why}; run the experiment again")
