"""Makes the engine for a script: the file is run, its server reached, its `setup` called."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from client.load.engine.endpoint import reach_all
from client.load.engine.load_engine import LoadEngine
from client.load.interval_stats import Recorder
from client.load.plan.model import Plan
from client.load.plan.urls import parse_url
from client.load.schedule import NS_PER_S, Part
from client.load.script.flow_engines import ClosedFlowEngine, OpenFlowEngine
from client.load.script.flow_runner import FlowRunner
from client.load.script.script_loader import Script, describe_error, load_script
from vmhost.base.errors import InvalidInput

SETUP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptEngineFactory:
    """A script and what its `setup` returned."""

    plan: Plan
    part: Part
    script: Script
    shared: object

    def engine(self, recorder: Recorder, start_ns: int) -> LoadEngine:
        """The engine for a run that starts at that time."""
        kind = OpenFlowEngine if self.plan.open is not None else ClosedFlowEngine
        since_ns = start_ns + round(self.plan.warm_up_s * NS_PER_S)
        runner = FlowRunner(self.plan, self.script, self.shared, since_ns=since_ns)
        return kind(self.plan, runner, recorder=recorder, start_ns=start_ns, part=self.part)


async def prepare_script(plan: Plan, part: Part) -> ScriptEngineFactory:
    """Load the script, connect to its server once and call its `setup`. Raises InvalidInput, Unavailable."""
    assert plan.script is not None
    assert plan.base is not None
    script = load_script(plan.script)
    origin, _ = parse_url(plan.base)
    await reach_all(plan, [origin])
    return ScriptEngineFactory(plan=plan, part=part, script=script, shared=await _set_up(script, plan.base))


async def _set_up(script: Script, base: str) -> object:
    if script.setup is None:
        return None
    try:
        async with asyncio.timeout(SETUP_TIMEOUT_S):
            return await script.setup(base)
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"script {script.path}: setup() failed: {describe_error(error, script.path)};"
            f" it has {SETUP_TIMEOUT_S:.0f} s"
        ) from error
