"""What is known of a run: its state while it goes on, how each of its processes ended, and its results."""

from __future__ import annotations

import time
from dataclasses import dataclass

from client.load.examples import FailureExample
from client.load.generator_limits import NO_LIMITS, GeneratorLimits, combine_limits
from client.load.histogram import Histogram
from client.load.schedule import NS_PER_S
from client.load.standstill import Standstill, merge_standstills
from client.load.summary import Latency, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event during the run; windows that start or end at a mark are exact to the request."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRequest:
    """One request to show: its label, its times, and its Server-Timing header with the attempts."""

    label: str
    response_ms: float
    service_ms: float
    status: int
    trace_id: str
    server_timing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineColumn:
    """An interval of the timeline. `began` counts from the start of the run; figures leave out `warm_up` columns."""

    began: float
    seconds: float
    offered: int
    started: int
    completed: int
    ok: int
    errors: dict[str, int]
    response_histogram: Histogram
    service_histogram: Histogram
    warm_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a run. `moment` covers the last two seconds, `recent` the last ten, `total` all without instances.

    `minute` is the response time of the last sixty seconds: at 20 requests/s, a p99 needs fifty of them. `last` and
    `slowest` are good responses since the former snapshot. `cpu_percent` is that of the busiest of `processes`.
    `timeline` is the run so far, the newest column last."""

    at: float
    elapsed_s: float
    rate_per_s: float
    in_flight: int
    waiting: int
    cpu_percent: float
    processes: int
    total: Summary
    recent: Summary
    moment: Summary
    minute: Latency
    last: TracedRequest | None
    slowest: TracedRequest | None
    marks: tuple[Mark, ...]
    timeline: tuple[TimelineColumn, ...]
    examples: tuple[FailureExample, ...] = ()
    """Failed requests, a few of each kind."""
    output: tuple[str, ...] = ()
    """The first and last lines that a script printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingCall:
    """A place in a script that blocked the event loop of its process; `where` is its file and line."""

    where: str
    function: str
    line: str
    count: int
    total_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """One process of the generator at the end of the run. `lost`: it exited or lost its connection before the end."""

    name: str
    cpu_percent: float
    precise_timer: bool
    missed: int
    lost: bool = False
    own: GeneratorLimits = NO_LIMITS
    blocked: tuple[BlockingCall, ...] = ()
    standstills: tuple[Standstill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The results of a run; `total` leaves out the warm-up. `elapsed_s` is the length of the schedule as it was run.

    `missed` arrivals were due, but the generator never handled them (they are included in `offered`)."""

    total: Summary
    elapsed_s: float
    missed: int
    processes: tuple[ProcessResult, ...]
    stopped: bool
    marks: tuple[Mark, ...]
    timeline: tuple[TimelineColumn, ...]
    steered: bool = False
    """Whether the rate was changed by hand."""
    examples: tuple[FailureExample, ...] = ()
    """Failed requests, a few of each kind."""
    output: tuple[str, ...] = ()
    """The first and last lines that a script printed."""

    @property
    def cpu_percent(self) -> float:
        """The CPU use of the busiest process, in percent of a core."""
        return max((each.cpu_percent for each in self.processes), default=0.0)

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """The times in which the processes did not run; all figures leave them out."""
        return merge_standstills(standstill for each in self.processes for standstill in each.standstills)

    @property
    def own(self) -> GeneratorLimits:
        """Where the load generator itself was the limit."""
        return combine_limits(each.own for each in self.processes)

    @property
    def precise_timer(self) -> bool:
        """Whether every process has a timer that is exact to microseconds."""
        return all(each.precise_timer for each in self.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResult:
    """How long the schedule ran, how many of its arrivals were never started (`missed`), and how much of a core this
    process used (`cpu_percent`)."""

    elapsed_s: float
    missed: int
    cpu_percent: float
    precise_timer: bool
    stopped: bool
    own: GeneratorLimits = NO_LIMITS
    blocked: tuple[BlockingCall, ...] = ()
    """The places in a script that blocked its event loop."""
    standstills: tuple[Standstill, ...] = ()


def cpu_percent_since(cpu_s: float, since_ns: int, now_ns: int) -> float:
    """How much of a core this process has used since it had used `cpu_s`, in percent."""
    return 100 * (time.process_time() - cpu_s) * NS_PER_S / max(1, now_ns - since_ns)
