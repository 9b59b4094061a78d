"""Several tenants in one run: each has a plan, processes and a report of its own, and all begin at the same instant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from client.load.plan.model import Plan
from client.load.report.report import Report
from client.load.run import LoadRun
from client.load.schedule import NS_PER_S
from client.load.verdict import Verdict


async def start_together(runs: Sequence[LoadRun], plans: Sequence[Plan]) -> None:
    """Prepares every run, then begins them all at once. Raises as `LoadRun.start`; then none has begun."""
    await asyncio.gather(*(run.prepare(plan) for run, plan in zip(runs, plans, strict=True)))
    start_ns = time.monotonic_ns() + round(max(run.head_start_s for run in runs) * NS_PER_S)
    for run in runs:
        run.go(start_ns)


def verdict_of(reports: Sequence[Report]) -> Verdict:
    """That of the whole: INVALID if one is, else FAILED if one is."""
    found = {report.verdict for report in reports}
    return next(verdict for verdict in (Verdict.INVALID, Verdict.FAILED, Verdict.VALID) if verdict in found)
