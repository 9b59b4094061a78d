"""How an engine's run went, beside what its recorder counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from client.load.generator_limits import NO_LIMITS, GeneratorLimits
from client.load.schedule import NS_PER_S
from client.load.standstill import Standstill
from client.load.summary import BlockingCall


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
