"""A run's figures, summed up from what its processes counted: exact, whatever their number, in constant memory.

The intervals of the last ten minutes are kept apart; the timeline keeps the whole run in at most 600 columns, which
become twice as wide when there are too many. Times are seconds from the run's start inside, epoch seconds outside.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from client.load.interval_stats import IntervalStats
from client.load.run_result import Mark, TimelineColumn
from client.load.schedule import NS_PER_S
from client.load.summary import Summary, summarise
from vmhost.base.errors import Conflict

KEPT_S = 600
MARKS_MAX = 1000
COLUMNS_MAX = 600


class Timeline:
    """The whole run in columns of equal width, at most 600: after ten minutes they are 2 s wide, after twenty 4 s."""

    def __init__(self, warm_up_s: float = 0.0) -> None:
        self.width_s = 1
        self._warm_up_s = warm_up_s
        self._columns: dict[int, IntervalStats] = {}
        self._summed: dict[int, TimelineColumn] = {}

    def add(self, stats: IntervalStats) -> None:
        """Add an interval, or more of one."""
        number = stats.start_ns // NS_PER_S // self.width_s
        while number >= COLUMNS_MAX:
            self._widen()
            number //= 2
        column = self._columns.get(number)
        if column is None:
            column = self._columns[number] = IntervalStats(0, 0)
        column.add(stats)
        self._summed.pop(number, None)

    def columns(self) -> tuple[TimelineColumn, ...]:
        """All columns from the first to the last, also those in which nothing was due."""
        return tuple(self._column(number) for number in range(max(self._columns, default=-1) + 1))

    def _widen(self) -> None:
        self.width_s *= 2
        wide: dict[int, IntervalStats] = {}
        for number, stats in self._columns.items():
            if number // 2 in wide:
                wide[number // 2].add(stats)
            else:
                wide[number // 2] = stats
        self._columns = wide
        self._summed.clear()

    def _column(self, number: int) -> TimelineColumn:
        column = self._summed.get(number)
        if column is None:
            column = self._summed[number] = self._sum(number)
        return column

    def _sum(self, number: int) -> TimelineColumn:
        stats = self._columns.get(number) or IntervalStats(0, 0)
        began = float(number * self.width_s)
        summary = summarise(stats, since=began, until=began + self.width_s, targets=(), instances=False)
        return TimelineColumn(
            began=began,
            seconds=float(self.width_s),
            offered=summary.offered,
            started=summary.started,
            completed=summary.completed,
            ok=summary.ok,
            errors=summary.errors,
            response_histogram=summary.response_histogram,
            service_histogram=summary.service_histogram,
            warm_up=began < self._warm_up_s,
        )


class Metrics:
    """The statistics of one run that started at `began` (epoch seconds). `targets` are the plan's names in order."""

    def __init__(self, began: float, *, targets: tuple[str, ...] = (), warm_up_s: float = 0.0) -> None:
        self.began = began
        self.marks: list[Mark] = []
        self.timeline = Timeline(warm_up_s)
        self._targets = targets
        self._warm_up_ns = round(warm_up_s * NS_PER_S)
        self._total = IntervalStats(self._warm_up_ns, self._warm_up_ns)
        self._starts: list[int] = []
        self._intervals: dict[int, IntervalStats] = {}
        self._given_until_ns = -1

    def add(self, stats: IntervalStats) -> None:
        """Add what a process counted in an interval; its times are nanoseconds from the run's start."""
        self.timeline.add(stats)
        if stats.start_ns >= self._warm_up_ns:
            self._total.add(stats)
        known = self._intervals.get(stats.start_ns)
        if known is None:
            known = self._intervals[stats.start_ns] = IntervalStats(stats.start_ns, stats.end_ns)
            bisect.insort(self._starts, stats.start_ns)
        # A mark may have cut it after its first part was sent.
        known.end_ns = min(known.end_ns, stats.end_ns)
        known.add(stats)
        self._forget()

    def missed(self, count: int) -> None:
        """Count arrivals that were due and never started: they count as offered."""
        self._total.offered += count

    def mark(self, text: str, at_s: float) -> Mark:
        """Note an event at that many seconds from the start. Raises Conflict after the thousandth mark."""
        if len(self.marks) >= MARKS_MAX:
            raise Conflict(f"the run already has {MARKS_MAX} marks, which is the limit")
        mark = Mark(at=self.began + at_s, text=text)
        self.marks.append(mark)
        return mark

    def total(self, now_s: float, *, instances: bool = True) -> Summary:
        """Everything since the start or the end of the warm-up."""
        return self._summary(self._total, self._warm_up_ns / NS_PER_S, now_s, instances=instances)

    def window(self, since: float, until: float, now_s: float) -> Summary:
        """The intervals of the last ten minutes whose middle lies between these epoch seconds: exact at marks, else to
        a second."""
        begin_ns, end_ns = ((at - self.began) * NS_PER_S for at in (since, until))
        now_ns = round(now_s * NS_PER_S)
        pieces = [
            stats
            for stats in self.intervals()
            if begin_ns - 1e3 <= (stats.start_ns + min(stats.end_ns, now_ns)) / 2 < end_ns + 1e3
        ]
        if not pieces:
            return self._summary(IntervalStats(0, 0), since - self.began, since - self.began)
        result = IntervalStats(pieces[0].start_ns, min(pieces[-1].end_ns, now_ns))
        for stats in pieces:
            result.add(stats)
        return self._summary(result, result.start_ns / NS_PER_S, result.end_ns / NS_PER_S)

    def intervals(self) -> Iterator[IntervalStats]:
        """The intervals of the last ten minutes in order."""
        return (self._intervals[start_ns] for start_ns in self._starts)

    def finished_intervals(self, until_s: float) -> list[IntervalStats]:
        """The intervals that were over by then and that no earlier call returned, in order."""
        until_ns = until_s * NS_PER_S
        begin = bisect.bisect_right(self._starts, self._given_until_ns)
        found = [self._intervals[start_ns] for start_ns in self._starts[begin:]]
        over = [stats for stats in found if stats.end_ns <= until_ns]
        if over:
            self._given_until_ns = over[-1].start_ns
        return over

    def _summary(self, stats: IntervalStats, since_s: float, until_s: float, *, instances: bool = True) -> Summary:
        return summarise(
            stats,
            since=self.began + since_s,
            until=self.began + max(since_s, until_s),
            targets=self._targets,
            instances=instances,
        )

    def _forget(self) -> None:
        while self._starts[0] < self._starts[-1] - KEPT_S * NS_PER_S:
            del self._intervals[self._starts.pop(0)]
