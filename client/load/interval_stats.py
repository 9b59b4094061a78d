"""Statistics of one interval of the schedule; those of several processes add up to what one would have counted.

An interval is one second, or less if a mark cuts it. A request belongs to the interval in which it was due and is
counted there when it ends, however late; so the time before, during and after an event stays apart. Every request has
exactly one outcome: target, status and fault; all distributions in a report are sums over outcomes. The steps of a
script's flow have outcomes of their own beside the flow's, by name, because processes meet them in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields

import msgspec

from client.load.histogram import Histogram
from client.load.schedule import NS_PER_S
from server.api.timing import Attempt

INSTANCES_MAX = 1000
"""With more names than this in one interval the header is noise; further ones are not kept."""
MESSAGES_MAX = 5
"""The most different messages of a script that are kept of one interval; the first ones show what is wrong."""
GOOD = ""
"""The fault of a good response."""

Outcome = tuple[int | str, int, str]
"""The target's number or the step's name, the status (0: no response came) and the fault (empty: none)."""


@dataclass(slots=True, eq=False)
class OutcomeStats:
    """The times of requests with one outcome. `service` None: the same as `response`, as in a closed loop."""

    response: Histogram = field(default_factory=Histogram)
    service: Histogram | None = None

    def add(self, other: OutcomeStats) -> None:
        """Add the same outcome of another interval or process."""
        if self.service is not None or other.service is not None:
            mine = self.service or self.response.copy()
            mine.add(other.service or other.response)
            self.service = mine
        self.response.add(other.response)


@dataclass(slots=True, eq=False)
class InstanceStats:
    """One instance's attempts."""

    type: str
    host: str
    shard: int
    answered: int = 0
    lost: int = 0
    late: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)
    own: Histogram = field(default_factory=Histogram)

    def count(self, attempt: Attempt) -> None:
        outcome = attempt.outcome
        if attempt.search_ms is not None:
            self.own.record(int(attempt.search_ms * 1000))
        if outcome == "won":
            self.answered += 1
        elif outcome == "lost":
            self.lost += 1
            if attempt.hedge:
                # A hedge that came second ended early because the first was quick: it says nothing about this instance.
                return
        elif outcome == "error":
            self.errors += 1
            return
        else:
            self.late += 1
        self.latency.record(int(attempt.dur_ms * 1000))

    def add(self, other: InstanceStats) -> None:
        """Add another interval of the same instance."""
        self.answered += other.answered
        self.lost += other.lost
        self.late += other.late
        self.errors += other.errors
        self.latency.add(other.latency)
        self.own.add(other.own)


class IntervalData(msgspec.Struct, frozen=True, kw_only=True):
    """Interval statistics as they are sent: `counts` are the numbers of `IntervalStats`, from `offered` on."""

    start_ns: int
    end_ns: int
    counts: tuple[int, int, int, int, int, int]
    lags: tuple[Histogram, Histogram]
    outcomes: list[tuple[tuple[int, int, str], OutcomeStats]]
    steps: list[tuple[tuple[str, int, str], OutcomeStats]]
    messages: dict[str, int]
    instances: dict[str, InstanceStats]


@dataclass(slots=True, eq=False)
class IntervalStats:
    """Everything that is counted of one interval, which starts and ends at these nanoseconds."""

    start_ns: int
    end_ns: int
    pending: int = 0
    offered: int = 0
    started: int = 0
    hedged: int = 0
    hedges_won: int = 0
    resent: int = 0
    received_bytes: int = 0
    outcomes: dict[Outcome, OutcomeStats] = field(default_factory=dict)
    steps: dict[Outcome, OutcomeStats] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    generator_lag: Histogram = field(default_factory=Histogram)
    connection_lag: Histogram = field(default_factory=Histogram)
    instances: dict[str, InstanceStats] = field(default_factory=dict)

    def record_arrival(self) -> None:
        """Count a request that is due in this interval."""
        self.offered += 1
        self.pending += 1

    def record_sent(self, generator_us: int, connection_us: int) -> None:
        """Count a request that was sent: how late because of the generator, and how late for lack of a connection."""
        self.started += 1
        self.generator_lag.record(generator_us)
        self.connection_lag.record(connection_us)

    def discard(self, *, sent: bool) -> None:
        """Take a request back, because the computer stood still while it was under way."""
        self.offered -= 1
        self.pending -= 1
        self.started -= sent

    def record_outcome(self, outcome: Outcome, response_us: int, service_us: int | None) -> None:
        """Count a request that has ended; `service_us` is None in a closed loop, where both times are the same."""
        self.pending -= 1
        entry = self.outcomes.get(outcome) or self.add_outcome(outcome, same=service_us is None)
        entry.response.record(response_us)
        if service_us is not None and entry.service is not None:
            entry.service.record(service_us)

    def add_outcome(self, outcome: Outcome, *, same: bool) -> OutcomeStats:
        """New statistics for an outcome that has none yet."""
        entry = self.outcomes[outcome] = OutcomeStats(service=None if same else Histogram())
        return entry

    def record_step(self, outcome: Outcome, service_us: int) -> None:
        """Count a step of one of this interval's flows."""
        entry = self.steps.get(outcome)
        if entry is None:
            entry = self.steps[outcome] = OutcomeStats()
        entry.response.record(service_us)

    def record_message(self, message: str, count: int = 1) -> None:
        """Count a script's message about what went wrong."""
        if message in self.messages or len(self.messages) < MESSAGES_MAX:
            self.messages[message] = self.messages.get(message, 0) + count

    def record_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Count the attempts of a response."""
        for attempt in attempts:
            known = self.instances.get(attempt.instance_id)
            if known is None and len(self.instances) < INSTANCES_MAX:
                known = self.instances[attempt.instance_id] = InstanceStats(attempt.type, attempt.host, attempt.shard)
            if known is not None:
                known.count(attempt)

    def add(self, other: IntervalStats) -> None:
        """Add the counts of another interval or process, exactly."""
        self.offered += other.offered
        self.started += other.started
        self.pending += other.pending
        self.hedged += other.hedged
        self.hedges_won += other.hedges_won
        self.resent += other.resent
        self.received_bytes += other.received_bytes
        self.generator_lag.add(other.generator_lag)
        self.connection_lag.add(other.connection_lag)
        _add_outcomes(self.outcomes, other.outcomes)
        _add_outcomes(self.steps, other.steps)
        for message, count in other.messages.items():
            self.record_message(message, count)
        for instance_id, instance in other.instances.items():
            known = self.instances.get(instance_id)
            if known is None:
                known = self.instances[instance_id] = InstanceStats(instance.type, instance.host, instance.shard)
            known.add(instance)

    def drain(self) -> IntervalStats | None:
        """What was counted since the last call, as statistics of its own; None if nothing was."""
        counts = self.offered or self.started or self.hedged or self.hedges_won or self.resent
        if not (counts or self.outcomes or self.steps or self.instances):
            return None
        drained, fresh = copy(self), IntervalStats(self.start_ns, self.end_ns, self.pending)
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))
        return drained

    def data(self, origin_ns: int = 0) -> IntervalData:
        """The statistics as they are sent, with times counted from `origin_ns`."""
        return IntervalData(
            start_ns=self.start_ns - origin_ns,
            end_ns=self.end_ns - origin_ns,
            counts=(self.offered, self.started, self.hedged, self.hedges_won, self.resent, self.received_bytes),
            lags=(self.generator_lag, self.connection_lag),
            outcomes=list(self.outcomes.items()),  # type: ignore[arg-type]  # a step's name stands in `steps` only
            steps=list(self.steps.items()),  # type: ignore[arg-type]
            messages=self.messages,
            instances=self.instances,
        )

    @classmethod
    def from_data(cls, data: IntervalData) -> IntervalStats:
        """The statistics again."""
        generator_lag, connection_lag = data.lags
        return cls(
            data.start_ns, data.end_ns, 0, *data.counts, outcomes=dict(data.outcomes), steps=dict(data.steps),
            messages=data.messages, generator_lag=generator_lag, connection_lag=connection_lag,
            instances=data.instances,
        )  # fmt: skip


def _add_outcomes(mine: dict[Outcome, OutcomeStats], others: dict[Outcome, OutcomeStats]) -> None:
    for outcome, entry in others.items():
        known = mine.get(outcome)
        if known is None:
            known = mine[outcome] = OutcomeStats(service=None if entry.service is None else Histogram())
        known.add(entry)


class Recorder:
    """One process's interval statistics, each kept while one of its requests is under way. Uses constant memory."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._current = IntervalStats(start_ns, start_ns + NS_PER_S)
        self._open: deque[IntervalStats] = deque([self._current])
        self._cuts: list[int] = []
        self._unsent: deque[IntervalStats] = deque()

    def stats_at(self, due_ns: int) -> IntervalStats:
        """The statistics for a request due at that time; due times come in rising order."""
        if due_ns >= self._current.end_ns:
            self._begin(due_ns)
        return self._current

    def cut(self, at_ns: int) -> None:
        """Start a new interval there, so that windows that start or end there are exact to the request.

        Requests that were due after that time and have already started stay in the interval before."""
        self._cuts.append(at_ns)
        self._cuts.sort()
        if self._current.start_ns < at_ns < self._current.end_ns:
            self._current.end_ns = at_ns

    def take(self) -> Iterator[IntervalData]:
        """What was counted and not sent yet, an interval each, with times counted from the start; requests may end in
        between. Another caller in the meantime gets those that an earlier one has not come to."""
        self._unsent.extend(drained for stats in self._open if (drained := stats.drain()) is not None)
        self._open = deque(stats for stats in self._open if stats.pending or stats is self._current)
        while self._unsent:
            yield self._unsent.popleft().data(self._start_ns)

    def _begin(self, due_ns: int) -> None:
        second_ns = due_ns - (due_ns - self._start_ns) % NS_PER_S
        start_ns = max([second_ns, *(at_ns for at_ns in self._cuts if at_ns <= due_ns)])
        self._cuts = [at_ns for at_ns in self._cuts if at_ns > due_ns]
        self._current = IntervalStats(start_ns, min([second_ns + NS_PER_S, *self._cuts]))
        self._open.append(self._current)
