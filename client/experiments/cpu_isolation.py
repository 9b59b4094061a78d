"""Judge CPU isolation: did a CPU hog stay within its limit, and did its neighbors get the CPU that they needed? Pure.

Two windows under the same load are compared: a control window without the hog, and one with it. The verdict is based on
the kernel's counters: CPU received, time throttled, time that threads were runnable and waited for a core. Latencies
that clients saw are shown beside it but do not decide: they also depend on the load's own variation and on other
programs of this computer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from client.experiments.slowdown import shared_tail, tail_ms
from client.load.summary import InstanceSummary, Summary
from vmhost.api.views import CpuView, HostView, InstanceView

LIMIT_TOLERANCE = 1.05
"""The hog may read as up to 5 % above its limit, because a window's ends are not measured at one instant."""

WAIT_RISE_MS_MAX = 5.0
"""A neighbor may wait this much longer for a core, on average per response, than without the hog. Measured: 0.3 ms
under weights, 57 ms without any limit in a group with a quota."""

OWN_TIME_RISE_MS_MAX = 10.0
"""A neighbor's own tail service time may rise by this much (docs/specification.md) if it also waited longer for a
core."""

SHARE_KEPT_MIN = 0.75
"""A neighbor without requests is starved if it gets less than this part of the CPU that it used before, and waits for
the rest. For a neighbor with requests, whose CPU use follows them, the wait per response counts instead."""

OTHERS_RISE_CORES_MAX = 0.15
"""Programs outside the instances may use this much more of the host's cores during the hog than before; beyond that,
a slower neighbor is not caused by the hog alone."""

BUSY_SHARE_MAX = 0.5
"""If programs outside the instances use more than this part of the host's cores, too little is left to share."""

HOG_RECEIVED_MIN = 0.5
"""A hog that received less than this part of its guarantee tested nothing."""

CULPRIT_RISE_CORES_MIN = 0.1
"""An instance is blamed only if it used at least this much more CPU than before."""


class Outcome(StrEnum):
    """The verdict of an isolation experiment."""

    ISOLATED = "isolated"
    LEAKED = "leaked"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """One instance's CPU in one window."""

    cores: float
    """Received, on average."""
    waiting: float | None
    """Average number of threads that were runnable and waited for a core; None if that is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The measurements of one window on one host with `host_cores`.

    `others_cores`: CPU of these that programs outside the instances used, None if unknown."""

    cpu: Mapping[str, CpuUse]
    host_cores: int
    others_cores: float | None
    load: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class HogRow:
    """The CPU that the hog requested and received, and its limit, in cores."""

    instance_id: str
    requested_cores: float
    received_cores: float | None
    limit_cores: float
    guaranteed_cores: float

    @property
    def exceeds_its_limit(self) -> bool:
        """Whether it received more than its limit."""
        return self.received_cores is not None and self.received_cores > self.limit_cores * LIMIT_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborRow:
    """Another instance on the hog's host, without the hog and with it.

    `wait_ms`: waiting for a core, on average per response. `delayed`: it did not get the CPU that it needed."""

    instance_id: str
    cores: tuple[float, float]
    wait_ms: tuple[float, float] | None
    answers: bool = True
    """Whether it responded to requests; else `wait_ms` is per second."""
    delayed: bool = False
    culprit: str = ""
    """The instance that used more CPU meanwhile; empty without one, or if this one was not delayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The verdict: an outcome, a reason with whole instance ids, and the figures behind them."""

    outcome: Outcome
    reason: str
    hog: HogRow | None
    neighbors: tuple[NeighborRow, ...] = ()

    @property
    def held(self) -> bool | None:
        """True for isolated, False for leaked, None for inconclusive."""
        return {Outcome.ISOLATED: True, Outcome.LEAKED: False}.get(self.outcome)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs of culprit and victim."""
        return tuple((row.culprit, row.instance_id) for row in self.neighbors if row.culprit)


def window_of(first: CpuView, last: CpuView, load: Summary, host: HostView) -> Window:
    """Return the window between two readings, for this host."""
    before = {each.id: each for each in first.instances}
    cpu = {}
    on_host = 0.0
    for now in last.instances:
        then = before.get(now.id)
        if then is None or now.at <= then.at or now.used < then.used:
            continue
        seconds = now.at - then.at
        waiting = None if then.waited is None or now.waited is None else max(0.0, now.waited - then.waited) / seconds
        cpu[now.id] = use = CpuUse(cores=(now.used - then.used) / seconds, waiting=waiting)
        if host.shared or not host.cpus or now.host == host.id:
            on_host += use.cores
    others = _others(first, last, host.cpus, on_host)
    return Window(cpu=cpu, host_cores=len(host.cpus or last.cores), others_cores=others, load=load)


def _others(first: CpuView, last: CpuView, cpus: Sequence[int], guests: float) -> float | None:
    names = [str(cpu) for cpu in cpus] or list(last.cores)
    if not names or last.at <= first.at or any(name not in first.cores or name not in last.cores for name in names):
        return None
    busy = sum(last.cores[name] - first.cores[name] for name in names) / (last.at - first.at)
    return max(0.0, busy - guests)


def judge_isolation(
    *, hog: InstanceView | None, requested_cores: float, instances: Sequence[InstanceView], host: HostView,
    enforced: bool, control: Window, beside: Window,
) -> Isolation:  # fmt: skip
    """Judge two windows on one host, the second with a hog in that instance.

    Without a hog (None) it finds delayed instances and culprits all the same, to check the method. If no CPU limit is
    `enforced`, the verdict is never "isolated": nothing would limit the next hog."""
    row = None if hog is None else _hog_row(hog, requested_cores, beside.cpu.get(hog.id))
    suspects = [each.id for each in instances if each.host == host.id or host.shared]
    neighbors = tuple(
        _neighbor(each, suspects, control, beside)
        for each in instances
        if each.host == host.id and (hog is None or each.id != hog.id)
        if each.id in control.cpu and each.id in beside.cpu
    )
    outcome, reason = _hog_alone(row) or _neighbors(row, neighbors, host, enforced, control, beside)
    return Isolation(outcome=outcome, reason=reason, hog=row, neighbors=neighbors)


def _hog_alone(hog: HogRow | None) -> tuple[Outcome, str] | None:
    """Return the verdict if the hog's own CPU decides it; None if the neighbors decide."""
    if hog is None:
        return None
    if hog.received_cores is None:
        return Outcome.INCONCLUSIVE, f"the CPU that {hog.instance_id} received could not be measured"
    if hog.exceeds_its_limit:
        return (
            Outcome.LEAKED,
            f"{hog.instance_id} received {hog.received_cores:.2f} cores, its limit is {hog.limit_cores:.2f}",
        )
    if hog.received_cores < hog.guaranteed_cores * HOG_RECEIVED_MIN:
        return Outcome.INCONCLUSIVE, (
            f"the hog received {hog.received_cores:.2f} cores, too little to disturb its neighbors; "
            "other programs keep this computer busy"
        )
    return None


def _neighbors(
    hog: HogRow | None, rows: Sequence[NeighborRow], host: HostView, enforced: bool, control: Window, beside: Window
) -> tuple[Outcome, str]:
    if control.load.failed:
        count = control.load.failed
        failed = f"{count} request{'' if count == 1 else 's'} failed before the hog started"
        return Outcome.INCONCLUSIVE, f"{failed}; lower the load and try again"
    if not rows:
        return (
            Outcome.INCONCLUSIVE,
            f"no other instance ran on {host.id} throughout, so the hog had no neighbor",
        )
    for row in rows:
        if row.wait_ms is None:
            return Outcome.INCONCLUSIVE, f"this system does not report how long {row.instance_id} waits for a core"
    delayed = [row for row in rows if row.delayed]
    if beside.others_cores is not None and beside.others_cores > BUSY_SHARE_MAX * beside.host_cores:
        busy = f"{beside.others_cores:.2f} of the {beside.host_cores} cores under {host.id}"
        return Outcome.INCONCLUSIVE, f"programs outside the instances used {busy}; try again when they are done"
    if not delayed:
        return _not_delayed(hog, rows, enforced)
    worst = max(delayed, key=_wait_rise)
    if control.others_cores is None or beside.others_cores is None:
        return Outcome.INCONCLUSIVE, f"{_delay(worst)}; the CPU of programs outside the instances is not known here"
    rise = beside.others_cores - control.others_cores
    if rise > OTHERS_RISE_CORES_MAX:
        others = f"programs outside the instances used {rise:.2f} cores more of {host.id} than before"
        return Outcome.INCONCLUSIVE, f"{_delay(worst)}, but {others}"
    if not worst.culprit:
        return Outcome.INCONCLUSIVE, f"{_delay(worst)}, but no other instance used more CPU than before"
    more = f"; {len(delayed) - 1} more were delayed" if len(delayed) > 1 else ""
    return Outcome.LEAKED, f"{worst.culprit} delayed others: {_delay(worst)}{more}"


def _not_delayed(hog: HogRow | None, rows: Sequence[NeighborRow], enforced: bool) -> tuple[Outcome, str]:
    rise_ms = max(map(_wait_rise, rows))
    later = f"{rise_ms:.1f} ms later per response" if rise_ms >= 0.05 else "no later than without the hog"
    one = len(rows) == 1
    got = f"its {'neighbor' if one else f'{len(rows)} neighbors'} got the CPU that {'it' if one else 'they'} needed"
    received = "" if hog is None else f"the hog received {hog.received_cores:.2f} of {hog.requested_cores:g} cores; "
    if not enforced:
        return Outcome.INCONCLUSIVE, f"{received}{got} this time, {later}, but no CPU limit is enforced here"
    return Outcome.ISOLATED, f"{received}{got}, {later}"


def _wait_rise(row: NeighborRow) -> float:
    return 0.0 if row.wait_ms is None else row.wait_ms[1] - row.wait_ms[0]


def _delay(row: NeighborRow) -> str:
    before, during = row.wait_ms or (0.0, 0.0)
    if not row.answers:
        return (
            f"{row.instance_id} received {row.cores[1]:.3f} cores ({row.cores[0]:.3f} before) and waited for the rest"
        )
    return f"{row.instance_id} waited {during:.1f} ms for a core per response ({before:.1f} before)"


def _hog_row(hog: InstanceView, requested_cores: float, use: CpuUse | None) -> HogRow:
    limits = hog.limits
    return HogRow(
        instance_id=hog.id,
        requested_cores=requested_cores,
        received_cores=None if use is None else use.cores,
        limit_cores=requested_cores if limits is None else limits.cpu_quota_cores,
        guaranteed_cores=0.0 if limits is None else limits.cpu_guaranteed_cores,
    )


def _neighbor(view: InstanceView, suspects: Sequence[str], control: Window, beside: Window) -> NeighborRow:
    then, now = control.cpu[view.id], beside.cpu[view.id]
    loads = control.load.instance(view.id), beside.load.instance(view.id)
    waits = _wait_ms(then, loads[0], control.load.seconds), _wait_ms(now, loads[1], beside.load.seconds)
    wait_ms = None if waits[0] is None or waits[1] is None else (waits[0], waits[1])
    guaranteed = 0.0 if view.limits is None else view.limits.cpu_guaranteed_cores
    answers = any(load is not None and load.latency.count for load in loads)
    has_guarantee = guaranteed > 0 and now.cores >= guaranteed * 0.95
    delayed = False
    if wait_ms is not None and not has_guarantee:
        delayed = _waits(wait_ms[1] - wait_ms[0], loads) if answers else _starved(then, now)
    return NeighborRow(
        instance_id=view.id,
        cores=(then.cores, now.cores),
        wait_ms=wait_ms,
        answers=answers,
        delayed=delayed,
        culprit=_culprit([each for each in suspects if each != view.id], control, beside) if delayed else "",
    )


def _wait_ms(use: CpuUse, load: InstanceSummary | None, seconds: float) -> float | None:
    """Return the wait for a core per response; per second for an instance without responses."""
    if use.waiting is None:
        return None
    responses = 0 if load is None else load.latency.count
    return use.waiting * seconds * 1000 / responses if responses else use.waiting * 1000


def _waits(rise_ms: float, loads: tuple[InstanceSummary | None, InstanceSummary | None]) -> bool:
    """Return whether a neighbor with requests waited too long for the CPU; a slower own time counts too."""
    own = [None if each is None else each.own for each in loads]
    tail = shared_tail(own)
    own_rise_ms = (tail_ms(own[1], tail) or 0.0) - (tail_ms(own[0], tail) or 0.0) if tail else 0.0
    return rise_ms > WAIT_RISE_MS_MAX or (own_rise_ms > OWN_TIME_RISE_MS_MAX and rise_ms > 0)


def _starved(then: CpuUse, now: CpuUse) -> bool:
    """Return whether a neighbor without requests got less CPU and waited for the rest."""
    waits_more = (now.waiting or 0.0) - (then.waiting or 0.0)
    return now.cores < SHARE_KEPT_MIN * then.cores and waits_more > then.cores - now.cores


def _culprit(suspects: Sequence[str], control: Window, beside: Window) -> str:
    """Return the suspect whose CPU use rose most; empty if none rose enough."""
    rises = {
        each: beside.cpu[each].cores - (control.cpu[each].cores if each in control.cpu else 0.0)
        for each in suspects
        if each in beside.cpu
    }
    culprit = max(rises, key=lambda each: rises[each], default="")
    return culprit if culprit and rises[culprit] >= CULPRIT_RISE_CORES_MIN else ""
