"""One run of a script's flow, from the instant at which it was due until it is counted."""

from __future__ import annotations

from client.load.interval_stats import GOOD, IntervalStats
from client.load.script.step_exchange import StepExchange


class Flow:
    """`taken_ns` is when it was started by the schedule, `admitted_ns` when there was room for it, `began_ns` when its
    script began.

    `status` is that of its last response, 0 if the last step got none; `fault` that of the first response that was not
    expected; `last` its last request with its response. `given_up`: it was cancelled because the run is over. `over`:
    it is counted, or left out. `uncounted`: it is not an arrival, but a user's `on_start`."""

    __slots__ = (
        "admitted_ns", "began_ns", "due_ns", "fault", "given_up", "last", "number", "over", "stats", "status",
        "taken_ns", "uncounted",
    )  # fmt: skip

    def __init__(self, number: int, stats: IntervalStats, due_ns: int, taken_ns: int) -> None:
        self.number = number
        self.stats = stats
        self.due_ns = due_ns
        self.taken_ns = self.admitted_ns = taken_ns
        self.began_ns = 0
        self.status = 0
        self.fault: str = GOOD
        self.last: StepExchange | None = None
        self.given_up = self.over = self.uncounted = False

    def leave_out(self) -> None:
        """Do not count it, nor its further steps: the computer stood still while it was under way."""
        if self.over:
            return
        self.over = True
        if self.uncounted:
            self.stats.pending -= 1
        else:
            self.stats.discard(sent=bool(self.began_ns))
