"""The kill experiment: one instance ends as in a crash. How soon is it noticed and replaced, and what is lost?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from client.cloud_state import CloudState, is_replacement, shard_of
from client.experiments.experiment import Report, SystemUnderTest
from client.experiments.results import Progress, Result, Row
from client.experiments.slowdown import client_rows
from client.load.run_result import Mark
from client.load.summary import Summary
from vmhost.api.views import InstanceView
from vmhost.base.errors import DeadlineExceeded

NOTICED_DEADLINE_S = 10.0
REPLACED_DEADLINE_S = 30.0
BEFORE_S = 10.0
"""The window before the kill has this length, or starts with the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillTimes:
    """Seconds from the kill until the platform reported it, and until a replacement served; None: not in time.

    `alone`: the instance belongs to no fleet, so nothing replaces it."""

    noticed_s: float | None = None
    replaced_s: float | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Kills an instance. Without a load nothing is said about lost requests."""

    name: ClassVar[str] = "kill"
    title: ClassVar[str] = "kill"
    summary: ClassVar[str] = "ends instantly, as in a crash"
    button: ClassVar[str] = "Kill one"
    key: ClassVar[str] = "k"
    fault: ClassVar[str] = "kill"
    ends_instance: ClassVar[bool] = True

    after_s: float = 2.0
    """How long to wait for requests in flight, after the replacement serves, before lost ones are counted."""

    async def run(self, system: SystemUnderTest, victim: InstanceView, report: Report) -> Result:
        """Kill the instance, and measure until its replacement serves. Raises CloudErrors."""
        before = frozenset(system.watcher.state.instances)
        killed = await system.load.mark(f"kill {victim.id}")
        start = time.monotonic()
        alone, action = victim.fleet is None, f"killed {victim.id}"
        report(Progress(action=action, stage="waiting until the platform notices"))
        noticed_s = await _kill(system, victim.id)
        times = KillTimes(noticed_s=noticed_s, alone=alone)
        waiting = "" if alone else "; waiting for its replacement"
        report(Progress(action=action, stage=f"{_noticed(times)}{waiting}"))
        replacement = None if alone else await _replacement(system, victim, before)
        if replacement is not None:
            times = replace(times, replaced_s=time.monotonic() - start)
        report(Progress(action=action, stage=f"{account(times)}; counting lost requests"))
        replaced = await system.load.mark(f"{victim.id} {'replaced' if replacement else 'not replaced'}")
        await asyncio.sleep(self.after_s)
        return await self._result(system, victim, times, replacement, killed, replaced)

    async def _result(
        self, system: SystemUnderTest, victim: InstanceView, times: KillTimes, replacement: str | None,
        killed: Mark | None, replaced: Mark | None,
    ) -> Result:  # fmt: skip
        now, began = time.time(), system.load.began
        whole = await _window(system, killed, now)
        verdict, held, reason = judge_kill(times, whole)
        rows = [Row(label="noticed after", unit="s", during=times.noticed_s, bad=times.noticed_s is None)]
        if not times.alone:
            row = Row(label="replaced after", unit="s", during=times.replaced_s, instance_id=replacement or "")
            rows.append(replace(row, bad=times.replaced_s is None))
        before = None
        if killed is not None and began is not None:
            before = await system.load.window(max(began, killed.at - BEFORE_S), killed.at)
        return Result(
            experiment=self.name,
            instance_id=victim.id,
            action=f"killed {victim.id}",
            account=account(times),
            verdict=verdict,
            held=held,
            reason=reason,
            rows=(
                *rows,
                *client_rows(
                    victim.id,
                    whole=whole,
                    before=before,
                    during=None if replaced is None else await _window(system, killed, replaced.at),
                    after=await _window(system, replaced, now),
                ),
            ),
            problems=_problems(times),
            phases={} if whole is None else {"kill": whole},
        )


def judge_kill(times: KillTimes, load: Summary | None) -> tuple[str, bool | None, str]:
    """Return verdict, whether it is good, and the reason. `load` is the whole window; None without a lasting load."""
    if load is not None and load.failed:
        return (
            "failed",
            False,
            f"{load.failed} of {_requests(load.offered)} {'was' if load.failed == 1 else 'were'} lost",
        )
    if problems := _problems(times):
        return "failed", False, "; ".join(problems)
    if load is None:
        return "inconclusive", None, "no load ran throughout, so losses are not known"
    if times.alone:
        return "inconclusive", None, f"none of {_requests(load.offered)} was lost, but it belongs to no fleet"
    return "passed", True, f"none of {_requests(load.offered)} was lost"


def account(times: KillTimes) -> str:
    """Return the times in words: "noticed after 0.08 s, replaced after 0.9 s"."""
    if times.alone:
        return f"{_noticed(times)}; not in a fleet, so nothing replaces it"
    replaced = "not replaced" if times.replaced_s is None else f"replaced after {_seconds(times.replaced_s)}"
    return f"{_noticed(times)}, {replaced}"


def _noticed(times: KillTimes) -> str:
    return "not noticed" if times.noticed_s is None else f"noticed after {_seconds(times.noticed_s)}"


def _problems(times: KillTimes) -> tuple[str, ...]:
    problems = []
    if times.noticed_s is None:
        problems.append(f"its end was not noticed within {NOTICED_DEADLINE_S:.0f} s")
    if not times.alone and times.replaced_s is None:
        problems.append(f"it was not replaced within {REPLACED_DEADLINE_S:.0f} s")
    return tuple(problems)


async def _window(system: SystemUnderTest, since: Mark | None, until: float) -> Summary | None:
    return None if since is None else await system.load.window(since.at, until)


async def _kill(system: SystemUnderTest, instance_id: str) -> float | None:
    """Kill the instance; return the seconds until the platform reports it, None if it does not in time."""

    def dead(state: CloudState) -> bool:
        view = state.instances.get(instance_id)
        return view is None or view.state != "running"

    start = time.monotonic()
    await system.cloud.inject_fault(Kill.fault, instance_id)
    try:
        await system.watcher.until(dead, deadline_s=NOTICED_DEADLINE_S, what=f"noticing the end of {instance_id}")
    except DeadlineExceeded:
        return None
    return time.monotonic() - start


async def _replacement(system: SystemUnderTest, victim: InstanceView, before: frozenset[str]) -> str | None:
    """Wait until a replacement runs and, if it serves searches, gets requests; return its id, None if not in time."""

    def replacements(state: CloudState) -> frozenset[str]:
        return frozenset(view.id for view in state.running if is_replacement(view, victim, before))

    try:
        async with asyncio.timeout(REPLACED_DEADLINE_S):
            state = await system.watcher.until(
                lambda state: bool(replacements(state)), deadline_s=REPLACED_DEADLINE_S, what=f"replacing {victim.id}"
            )
            found = replacements(state)
            if shard_of(victim) is not None:
                await system.service.wait_for_rotation(lambda ids: bool(found & ids), deadline_s=REPLACED_DEADLINE_S)
            return min(found)
    except (DeadlineExceeded, TimeoutError):
        return None


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"


def _requests(count: int) -> str:
    return f"{count} request" if count == 1 else f"{count} requests"
