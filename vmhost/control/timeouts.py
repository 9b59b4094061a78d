"""Time limits, back-offs and intervals of the control plane, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that double from `first_s` to `most_s`. Pure."""

    first_s: float
    most_s: float

    def delay_s(self, failures: int) -> float:
        """Return how long to wait after this number of failures in a row."""
        return 0.0 if failures <= 0 else min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The time limits and intervals of one cloud."""

    open_s: float = 60.0
    measure_s: float = 10.0
    """Limit of inspect, list and stats."""
    create_s: float = 60.0
    start_s: float = 60.0
    remove_s: float = 30.0
    stop_grace_s: float = 5.0
    """Time for a guest to end by itself before it is killed."""
    stop_s: float = 20.0
    """Limit of a stop, in addition to its grace."""
    console_s: float = 2.0
    """Limit of reading the console output before the guest is removed."""
    close_s: float = 4.5
    """Limit of removing everything at the end; the specification says 5 s."""
    tries: int = 3
    """Attempts of a create or start before the launch has failed."""
    retry: Backoff = Backoff(first_s=0.2, most_s=10.0)
    """Between attempts of a driver call."""
    fleet: Backoff = Backoff(first_s=0.5, most_s=30.0)
    """Between a fleet's launches while they fail."""
    early_death_s: float = 3.0
    """A fleet's instance that stops sooner than this after its start counts as a failed launch."""
    unhealthy_s: float = 6.0
    """A fleet with health checks replaces an instance that was impaired for this time: three checks, each 2 s."""
    resync_s: float = 30.0
    """Between comparisons of all records and guests, in case an event was lost."""
    stats_s: float = 2.0
    keep_terminated_s: float = 3600.0
    """How long a terminated instance stays visible."""
    keep_tokens_s: float = 86400.0
