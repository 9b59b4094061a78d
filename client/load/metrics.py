"""Counting a run: per second while it is recent, in one total for ever, in constant memory.

A tally is a stretch of the schedule: one second, or less where a mark cuts it. A request keeps the tally in which it
was due and is counted there when it ends, however late; so what happened before, during and after an event stays apart.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from client.load.histogram import Histogram
from client.load.pacer import NS_PER_S
from client.load.summary import COUNTED_BY_AGE, Fault, InstanceSummary, Lag, Mark, Summary, latency_of
from server.api.timing import Attempt
from vmhost.base.errors import Conflict

KEPT_S = 600
MARKS_MAX = 1000
INSTANCES_MAX = 1000
"""Beyond so many names in one tally the header is noise, and further ones are not kept."""


class InstanceTally:
    """One instance's attempts."""

    __slots__ = ("answered", "errors", "host", "late", "latency", "lost", "shard", "type")

    def __init__(self, kind: str, host: str, shard: int) -> None:
        self.type = kind
        self.host = host
        self.shard = shard
        self.answered = self.lost = self.late = self.errors = 0
        self.latency = Histogram()

    def count(self, attempt: Attempt) -> None:
        """Counts one attempt by its outcome."""
        outcome = attempt.outcome
        if outcome == "won":
            self.answered += 1
        elif outcome == "lost":
            self.lost += 1
            if attempt.hedge:
                # A hedge that came second was cut short by the first one's speed: it says nothing of this instance.
                return
        elif outcome == "error":
            self.errors += 1
            return
        else:
            self.late += 1
        self.latency.record(int(attempt.dur_ms * 1000))

    def add(self, other: InstanceTally) -> None:
        """Merges another stretch of the same instance."""
        self.answered += other.answered
        self.lost += other.lost
        self.late += other.late
        self.errors += other.errors
        self.latency.add(other.latency)


class Tally:
    """All that is counted of one stretch of the schedule."""

    __slots__ = (
        "completed", "connection_lag", "end_ns", "errors", "generator_lag", "instances", "offered", "ok", "pending",
        "response", "service", "start_ns", "started", "statuses",
    )  # fmt: skip

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.offered = self.started = self.completed = self.ok = self.pending = 0
        self.response = Histogram()
        self.service = Histogram()
        self.generator_lag = Histogram()
        self.connection_lag = Histogram()
        self.errors: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.instances: dict[str, InstanceTally] = {}

    def arrived(self) -> None:
        """A request of this stretch was taken up."""
        self.offered += 1
        self.pending += 1

    def sent(self, generator_us: int, connection_us: int) -> None:
        """It was sent, so late by our own fault and so late for want of a connection."""
        self.started += 1
        self.generator_lag.record(generator_us)
        self.connection_lag.record(connection_us)

    def succeeded(self, response_us: int, service_us: int) -> None:
        """It got a good answer."""
        self.pending -= 1
        self.ok += 1
        self.response.record(response_us)
        self.service.record(service_us)

    def failed(self, fault: Fault, response_us: int) -> None:
        """It ended in an error at that age."""
        self.pending -= 1
        self.errors[fault].record(response_us)
        if fault in COUNTED_BY_AGE:
            self.response.record(response_us)

    def answered(self, status: int, attempts: Iterable[Attempt]) -> None:
        """An answer came, good or bad, and told of these attempts."""
        self.completed += 1
        self.statuses[status] += 1
        for attempt in attempts:
            instance = self.instances.get(attempt.instance_id)
            if instance is None:
                if len(self.instances) >= INSTANCES_MAX:
                    continue
                instance = InstanceTally(attempt.type, attempt.host, attempt.shard)
                self.instances[attempt.instance_id] = instance
            instance.count(attempt)

    def add(self, other: Tally) -> None:
        """Merges another stretch into this one, exactly."""
        self.offered += other.offered
        self.started += other.started
        self.completed += other.completed
        self.ok += other.ok
        self.pending += other.pending
        self.response.add(other.response)
        self.service.add(other.service)
        self.generator_lag.add(other.generator_lag)
        self.connection_lag.add(other.connection_lag)
        for fault, histogram in other.errors.items():
            self.errors[fault].add(histogram)
        for status, count in other.statuses.items():
            self.statuses[status] += count
        for instance_id, instance in other.instances.items():
            mine = self.instances.get(instance_id)
            if mine is None:
                mine = self.instances[instance_id] = InstanceTally(instance.type, instance.host, instance.shard)
            mine.add(instance)


class Metrics:
    """The run's tallies. Times are monotonic nanoseconds inside and epoch seconds outside."""

    def __init__(self, start_ns: int, start_epoch_s: float) -> None:
        self._start_ns = start_ns
        self.began = start_epoch_s
        self._current = Tally(start_ns, start_ns + NS_PER_S)
        self._recent: deque[Tally] = deque([self._current])
        self._folded = Tally(start_ns, start_ns)
        self._unfolded: deque[Tally] = deque([self._current])
        self.marks: list[Mark] = []

    def tally(self, due_ns: int) -> Tally:
        """The tally for a request due then; due times come in rising order."""
        if due_ns >= self._current.end_ns:
            self._open(due_ns - (due_ns - self._start_ns) % NS_PER_S)
        return self._current

    def mark(self, text: str, now_ns: int) -> Mark:
        """Notes an event and cuts the second there. All requests due before must have been taken up.

        Raises Conflict after the thousandth mark."""
        if len(self.marks) >= MARKS_MAX:
            raise Conflict(f"the run has {MARKS_MAX} marks already; expected no more")
        now_ns = max(now_ns, self._current.start_ns)
        whole_end_ns = self.tally(now_ns).end_ns
        self._current.end_ns = now_ns
        self._open(now_ns, whole_end_ns)
        mark = Mark(at=self.epoch(now_ns), text=text)
        self.marks.append(mark)
        return mark

    def total(self, now_ns: int) -> Tally:
        """Everything since the start."""
        while len(self._unfolded) > 1 and self._unfolded[0].pending == 0:
            self._folded.add(self._unfolded.popleft())
        result = Tally(self._start_ns, now_ns)
        for tally in (self._folded, *self._unfolded):
            result.add(tally)
        return result

    def between(self, start_ns: int, end_ns: int, now_ns: int) -> Tally:
        """The stretches of the last ten minutes whose middle lies in [start, end): exact at marks, else to a second."""
        pieces = self.pieces(start_ns, end_ns, now_ns)
        result = self.empty(pieces, start_ns, now_ns)
        for tally in pieces:
            result.add(tally)
        return result

    def pieces(self, start_ns: int, end_ns: int, now_ns: int) -> list[Tally]:
        """The tallies that `between` merges, for one who spreads that work over time."""
        return [
            tally for tally in self._recent if start_ns <= (tally.start_ns + min(tally.end_ns, now_ns)) // 2 < end_ns
        ]

    def empty(self, pieces: list[Tally], start_ns: int, now_ns: int) -> Tally:
        """A tally of nothing over the stretch of these pieces; without any, of no length."""
        return Tally(pieces[0].start_ns, min(pieces[-1].end_ns, now_ns)) if pieces else Tally(start_ns, start_ns)

    def window(self, since: float, until: float, now_ns: int) -> Summary:
        """The summary, with histograms, of a stretch given in epoch seconds."""
        return self.summary(self.between(self.nanoseconds(since), self.nanoseconds(until), now_ns))

    def epoch(self, monotonic_ns: int) -> float:
        """Epoch seconds of a monotonic time, by the clocks' distance at the start."""
        return self.began + (monotonic_ns - self._start_ns) / NS_PER_S

    def nanoseconds(self, epoch_s: float) -> int:
        """The monotonic time of epoch seconds."""
        return self._start_ns + round((epoch_s - self.began) * NS_PER_S)

    def summary(self, tally: Tally, *, histograms: bool = True, instances: bool = True) -> Summary:
        """A tally as figures; without histograms and instances it costs the generator less."""
        shares = sorted(tally.instances.items()) if instances else ()
        return Summary(
            since=self.epoch(tally.start_ns),
            until=self.epoch(tally.end_ns),
            offered=tally.offered,
            started=tally.started,
            completed=tally.completed,
            ok=tally.ok,
            response=latency_of(tally.response),
            service=latency_of(tally.service),
            lag=Lag(connection=latency_of(tally.connection_lag), generator=latency_of(tally.generator_lag)),
            errors={fault: histogram.total for fault, histogram in sorted(tally.errors.items())},
            statuses={str(status): count for status, count in sorted(tally.statuses.items())},
            instances=tuple(_instance_summary(name, share, histograms) for name, share in shares),
            response_histogram=tally.response.to_json() if histograms else [],
            service_histogram=tally.service.to_json() if histograms else [],
        )

    def _open(self, start_ns: int, end_ns: int | None = None) -> None:
        self._current = Tally(start_ns, start_ns + NS_PER_S if end_ns is None else end_ns)
        self._recent.append(self._current)
        self._unfolded.append(self._current)
        while self._recent[0].end_ns < start_ns - KEPT_S * NS_PER_S:
            self._recent.popleft()


def _instance_summary(instance_id: str, tally: InstanceTally, histograms: bool) -> InstanceSummary:
    return InstanceSummary(
        id=instance_id,
        type=tally.type,
        host=tally.host,
        shard=tally.shard,
        answered=tally.answered,
        lost=tally.lost,
        late=tally.late,
        errors=tally.errors,
        latency=latency_of(tally.latency),
        histogram=tally.latency.to_json() if histograms else [],
    )
