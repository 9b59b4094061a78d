"""How an engine's run went, beside what its collector counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from client.load.generator_limits import NO_LIMITS, GeneratorLimits
from client.load.schedule import NS_PER_S
from client.load.standstill import Standstill
from client.load.summary import BlockingCall


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResult:
    """`elapsed_s` is how long the schedule ran; `missed` arrivals of it were never taken up.

    `cpu_percent` is this process's use of a core while it ran."""

    elapsed_s: float
    missed: int
    cpu_percent: float
    precise_timer: bool
    stopped: bool
    own: GeneratorLimits = NO_LIMITS
    blocked: tuple[BlockingCall, ...] = ()
    """The places in a script that kept its event loop from running."""
    standstills: tuple[Standstill, ...] = ()


def cpu_percent_since(cpu_s: float, since_ns: int, now_ns: int) -> float:
    """This process's use of a core since it had used `cpu_s`, in percent."""
    return 100 * (time.process_time() - cpu_s) * NS_PER_S / max(1, now_ns - since_ns)
