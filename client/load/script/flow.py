"""One run of a script's flow, from the instant it was due until it is counted."""

from __future__ import annotations

from client.load.script.exchanges import Exchange
from client.load.tally import GOOD, Tally


class Flow:
    """`taken_ns`: when it was taken up; `seated_ns`: when there was room for it; `began_ns`: when its script began.

    `status` is that of its last answer, 0 where the last step got none; `fault` that of the first answer that was not
    expected; `last` its last request with its response. `given_up`: it was cancelled because the run is over; `over`:
    it is counted. `uncounted`: it is no arrival, but the start of a user."""

    __slots__ = (
        "began_ns", "due_ns", "fault", "given_up", "last", "number", "over", "seated_ns", "status", "taken_ns", "tally",
        "uncounted",
    )  # fmt: skip

    def __init__(self, number: int, tally: Tally, due_ns: int, taken_ns: int) -> None:
        self.number = number
        self.tally = tally
        self.due_ns = due_ns
        self.taken_ns = self.seated_ns = taken_ns
        self.began_ns = 0
        self.status = 0
        self.fault: str = GOOD
        self.last: Exchange | None = None
        self.given_up = self.over = self.uncounted = False
