"""How long the control waits for things: deadlines, back-offs and rhythms, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that double, from `first_s` to `most_s`. Pure."""

    first_s: float
    most_s: float

    def delay_s(self, failures: int) -> float:
        """How long to wait after this many failures in a row; none after none."""
        return 0.0 if failures <= 0 else min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The control's patience. Tests take a quicker one."""

    open_s: float = 60.0
    measure_s: float = 10.0
    """Deadline of inspect, list and stats."""
    create_s: float = 60.0
    start_s: float = 60.0
    remove_s: float = 30.0
    stop_grace_s: float = 5.0
    """What a guest gets to end by itself before it is ended."""
    stop_s: float = 20.0
    """Deadline of a stop, beyond its grace."""
    console_s: float = 2.0
    """For keeping what a guest printed before it is removed."""
    close_s: float = 4.5
    """For removing everything at the end; the promise is 5 s."""
    tries: int = 3
    """How often a create or start is tried before the launch has failed."""
    retry: Backoff = Backoff(first_s=0.2, most_s=10.0)
    """Between tries of a call to the driver."""
    fleet: Backoff = Backoff(first_s=0.5, most_s=30.0)
    """Between a fleet's launches when they keep failing."""
    early_death_s: float = 3.0
    """A fleet's instance that dies sooner than this after its start counts as a failed launch."""
    unhealthy_s: float = 6.0
    """A fleet with health checks replaces an instance that has been impaired for so long: three checks, each 2 s."""
    resync_s: float = 30.0
    """Between looks at everything that exists, should an event have been lost."""
    stats_s: float = 2.0
    keep_terminated_s: float = 3600.0
    """How long a terminated instance stays visible."""
    keep_tokens_s: float = 86400.0
