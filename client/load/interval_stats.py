"""Statistics of one interval of the schedule; those of several processes add up to what one would have counted.

An interval is one second, or less if a mark cuts it. A request belongs to the interval in which it was due and is
counted there when it ends, however late; so the time before, during and after an event stays apart. Every request has
exactly one outcome: target, status and fault; all distributions in a report are sums over outcomes. The steps of a
script's flow have outcomes of their own beside the flow's, by name, because processes meet them in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from client.load.histogram import Histogram
from client.load.schedule import NS_PER_S
from server.api.timing import Attempt

INSTANCES_MAX = 1000
"""With more names than this in one interval the header is noise; further ones are not kept."""
MESSAGES_MAX = 5
"""The most different messages of a script that are kept of one interval; the first ones show what is wrong."""
GOOD = ""
"""The fault of a good response."""

_COUNTED = (
    "offered", "started", "hedged", "hedges_won", "resent", "received_bytes", "outcomes", "steps", "messages",
    "generator_lag", "connection_lag", "instances",
)  # fmt: skip

Outcome = tuple[int | str, int, str]
"""The target's number or the step's name, the status (0: no response came) and the fault (empty: none)."""


class OutcomeStats:
    """The times of requests with one outcome. `service` None: the same as `response`, as in a closed loop."""

    __slots__ = ("response", "service")

    def __init__(self, *, same: bool) -> None:
        self.response = Histogram()
        self.service: Histogram | None = None if same else Histogram()

    def add(self, other: OutcomeStats) -> None:
        """Add the same outcome of another interval or process."""
        if self.service is not None or other.service is not None:
            mine = self.service or self.response.copy()
            mine.add(other.service or other.response)
            self.service = mine
        self.response.add(other.response)


class InstanceStats:
    """One instance's attempts."""

    __slots__ = ("answered", "errors", "host", "late", "latency", "lost", "own", "shard", "type")

    def __init__(self, kind: str, host: str, shard: int) -> None:
        self.type = kind
        self.host = host
        self.shard = shard
        self.answered = self.lost = self.late = self.errors = 0
        self.latency = Histogram()
        self.own = Histogram()

    def count(self, attempt: Attempt) -> None:
        """Count one attempt."""
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


class IntervalStats:
    """Everything that is counted of one interval, which starts and ends at these nanoseconds."""

    __slots__ = (
        "connection_lag",
        "end_ns",
        "generator_lag",
        "hedged",
        "hedges_won",
        "instances",
        "messages",
        "offered",
        "outcomes",
        "pending",
        "received_bytes",
        "resent",
        "start_ns",
        "started",
        "steps",
    )  # fmt: skip

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.pending = 0
        self._clear()

    def _clear(self) -> None:
        self.offered = self.started = self.hedged = self.hedges_won = self.resent = self.received_bytes = 0
        self.outcomes: dict[Outcome, OutcomeStats] = {}
        self.steps: dict[Outcome, OutcomeStats] = {}
        self.messages: dict[str, int] = {}
        self.generator_lag = Histogram()
        self.connection_lag = Histogram()
        self.instances: dict[str, InstanceStats] = {}

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
        entry = self.outcomes[outcome] = OutcomeStats(same=same)
        return entry

    def record_step(self, outcome: Outcome, service_us: int) -> None:
        """Count a step of one of this interval's flows."""
        entry = self.steps.get(outcome)
        if entry is None:
            entry = self.steps[outcome] = OutcomeStats(same=True)
        entry.response.record(service_us)

    def record_message(self, message: str, count: int = 1) -> None:
        """Count a script's message about what went wrong."""
        if message in self.messages or len(self.messages) < MESSAGES_MAX:
            self.messages[message] = self.messages.get(message, 0) + count

    def record_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Count the attempts of a response."""
        for attempt in attempts:
            instance = self.instances.get(attempt.instance_id)
            if instance is None:
                if len(self.instances) >= INSTANCES_MAX:
                    continue
                instance = InstanceStats(attempt.type, attempt.host, attempt.shard)
                self.instances[attempt.instance_id] = instance
            instance.count(attempt)

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
        drained = IntervalStats(self.start_ns, self.end_ns)
        for name in _COUNTED:
            setattr(drained, name, getattr(self, name))
        self._clear()
        return drained

    def pieces(self) -> Iterator[IntervalStats]:
        """The same in several parts that each take little time to send; their sum is this one."""
        rest = IntervalStats(self.start_ns, self.end_ns)
        for name in _COUNTED:
            if name not in ("outcomes", "steps", "connection_lag"):
                setattr(rest, name, getattr(self, name))
        yield rest
        lag = IntervalStats(self.start_ns, self.end_ns)
        lag.connection_lag = self.connection_lag
        yield lag
        for name in ("outcomes", "steps"):
            for outcome, entry in getattr(self, name).items():
                piece = IntervalStats(self.start_ns, self.end_ns)
                setattr(piece, name, {outcome: entry})
                yield piece

    def to_json(self, origin_ns: int = 0) -> dict[str, Any]:
        """The statistics as plain data, with times counted from `origin_ns`."""
        return {
            "from": self.start_ns - origin_ns,
            "to": self.end_ns - origin_ns,
            "counts": [self.offered, self.started, self.hedged, self.hedges_won, self.resent, self.received_bytes],
            "lag": [self.generator_lag.to_json(), self.connection_lag.to_json()],
            "outcomes": [
                [*outcome, entry.response.to_json(), None if entry.service is None else entry.service.to_json()]
                for outcome, entry in self.outcomes.items()
            ],
            "steps": [[*outcome, entry.response.to_json()] for outcome, entry in self.steps.items()],
            "messages": self.messages,
            "instances": [
                [name, one.type, one.host, one.shard, one.answered, one.lost, one.late, one.errors,
                 one.latency.to_json(), one.own.to_json()]
                for name, one in self.instances.items()
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Any) -> IntervalStats:
        """The statistics again. Raises ValueError for anything that `to_json` did not write."""
        try:
            stats = cls(int(data["from"]), int(data["to"]))
            counts = data["counts"]
            (
                stats.offered, stats.started, stats.hedged, stats.hedges_won, stats.resent, stats.received_bytes,
            ) = map(int, counts)  # fmt: skip
            stats.generator_lag, stats.connection_lag = map(Histogram.from_json, data["lag"])
            for target, status, fault, response, service in data["outcomes"]:
                entry = stats.outcomes[int(target), int(status), str(fault)] = OutcomeStats(same=service is None)
                entry.response = Histogram.from_json(response)
                entry.service = None if service is None else Histogram.from_json(service)
            for name, status, fault, service in data["steps"]:
                entry = stats.steps[str(name), int(status), str(fault)] = OutcomeStats(same=True)
                entry.response = Histogram.from_json(service)
            stats.messages = {str(message): int(count) for message, count in data["messages"].items()}
            for name, kind, host, shard, answered, lost, late, errors, latency, own in data["instances"]:
                one = stats.instances[str(name)] = InstanceStats(str(kind), str(host), int(shard))
                one.answered, one.lost, one.late, one.errors = int(answered), int(lost), int(late), int(errors)
                one.latency, one.own = Histogram.from_json(latency), Histogram.from_json(own)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not interval statistics: {error!r}") from error
        return stats


def _add_outcomes(mine: dict[Outcome, OutcomeStats], others: dict[Outcome, OutcomeStats]) -> None:
    for outcome, entry in others.items():
        known = mine.get(outcome)
        if known is None:
            known = mine[outcome] = OutcomeStats(same=entry.service is None)
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

    def take(self) -> Iterator[dict[str, Any]]:
        """What was counted and not sent yet, in parts, with times counted from the start; requests may end between one
        part and the next. Another caller in the meantime gets the parts that an earlier one has not come to."""
        for stats in self._open:
            if (drained := stats.drain()) is not None:
                self._unsent.extend(drained.pieces())
        self._open = deque(stats for stats in self._open if stats.pending or stats is self._current)
        while self._unsent:
            yield self._unsent.popleft().to_json(self._start_ns)

    def _begin(self, due_ns: int) -> None:
        second_ns = due_ns - (due_ns - self._start_ns) % NS_PER_S
        start_ns = max([second_ns, *(at_ns for at_ns in self._cuts if at_ns <= due_ns)])
        self._cuts = [at_ns for at_ns in self._cuts if at_ns > due_ns]
        self._current = IntervalStats(start_ns, min([second_ns + NS_PER_S, *self._cuts]))
        self._open.append(self._current)
