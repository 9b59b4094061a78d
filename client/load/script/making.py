"""Putting a script's engine together: the file run, its server reached, its setup done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from client.load.engine.connections import reach_all
from client.load.plan.origin import parse_url
from client.load.plan.words import Plan
from client.load.schedule import NS_PER_S, Part
from client.load.script.engine import ClosedFlows, OpenFlows
from client.load.script.loading import Script, load_script, told
from client.load.script.performing import Performer
from client.load.tally import Collector
from vmhost.base.errors import InvalidInput

SETUP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyScript:
    """A script and what its setup gave."""

    plan: Plan
    part: Part
    script: Script
    shared: object

    def engine(self, collector: Collector, start_ns: int) -> OpenFlows | ClosedFlows:
        """The engine whose run begins at that time."""
        kind = OpenFlows if self.plan.open is not None else ClosedFlows
        since_ns = start_ns + round(self.plan.warm_up_s * NS_PER_S)
        performer = Performer(self.plan, self.script, self.shared, since_ns=since_ns)
        return kind(self.plan, performer, collector=collector, start_ns=start_ns, part=self.part)


async def make_scripted(plan: Plan, part: Part) -> ReadyScript:
    """Loads the script, reaches its server once and runs its setup. Raises InvalidInput, Unavailable."""
    assert plan.script is not None
    assert plan.base is not None
    script = load_script(plan.script)
    origin, _ = parse_url(plan.base)
    await reach_all(plan, [origin])
    return ReadyScript(plan=plan, part=part, script=script, shared=await _set_up(script, plan.base))


async def _set_up(script: Script, base: str) -> object:
    if script.setup is None:
        return None
    try:
        async with asyncio.timeout(SETUP_TIMEOUT_S):
            return await script.setup(base)
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"script {script.path}: setup failed: {told(error, script.path)}; expected it to end well"
            f" within {SETUP_TIMEOUT_S:.0f} s"
        ) from error
