"""A load that is sent by whoever has joined, and from here while nobody has."""

from __future__ import annotations

import asyncio
import contextlib

from client.load.control import LoadRun
from client.load.joining.gathering import Gathering
from client.load.plan.words import Plan
from client.tour.session import Session
from client.view.plain import PlainView
from vmhost.base.errors import CloudError, Unavailable

SETTLE_S = 1.0
"""Workers that come or go together are one change."""
BACK_S = 10.0
"""So long after a run its workers may take to be there for the next one."""


async def send_with_workers(session: Session, view: PlainView, gathering: Gathering, rate_per_s: float) -> None:
    """Sends the session's load until cancelled, anew with those that are there whenever workers come or go.

    Raises a CloudError when it cannot be sent from here either."""
    plan = await session.plan_load(rate_per_s)
    session.rate_per_s = rate_per_s
    before = 0
    while True:
        count = gathering.count
        try:
            async with LoadRun(processes=count or 1, crew=gathering if count else None) as run:
                await _send(run, plan, session)
                if count or before:
                    view.say(f"the load is now sent {senders(count)}")
                before = count
                await _until_changed(view, gathering, count)
                count = gathering.count
        except CloudError as error:
            if not count:
                raise
            view.say(f"the workers cannot send: {error.message}; trying again")
        # Those that served are gone with their run and come back for the next.
        with contextlib.suppress(Unavailable):
            await gathering.wait_for(count, BACK_S)


def senders(count: int) -> str:
    """By whom a load is sent."""
    if not count:
        return "from here"
    return f"by {count} worker{'' if count == 1 else 's'}"


async def _send(run: LoadRun, plan: Plan, session: Session) -> None:
    await run.start(plan)
    session.load = run


async def _until_changed(view: PlainView, gathering: Gathering, count: int) -> None:
    figures = asyncio.create_task(view.figures())
    try:
        await gathering.changed(count)
        await asyncio.sleep(SETTLE_S)
    finally:
        figures.cancel()
        await asyncio.wait([figures])
