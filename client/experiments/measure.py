"""Marks and windows of a load that has to last: whoever measures by it learns when it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client.load.summary import Mark, Summary
from vmhost.base.errors import Conflict

if TYPE_CHECKING:
    from client.load.session import LoadSession


async def mark_load(load: LoadSession, text: str) -> Mark:
    """Notes an event, as `LoadSession.mark`. Raises Conflict where no load runs any more."""
    mark = await load.mark(text)
    if mark is None:
        raise _ended(load)
    return mark


async def measure_window(load: LoadSession, since: float, until: float) -> Summary:
    """The window, as `LoadSession.window`. Raises Conflict where the load did not last."""
    window = await load.window(since, until)
    if window is None:
        raise _ended(load)
    return window


def _ended(load: LoadSession) -> Conflict:
    why = f" ({load.past[0].error})" if load.past and load.past[0].error else ""
    return Conflict(f"the load ended while it was measured by{why}; expected it to go on to the end")
