"""The progress of a run as a line, for output that is not a terminal. Pure."""

from __future__ import annotations

from client.load.live.live_state import near_limit, rates_now
from client.load.summary import Snapshot
from client.terminal.numbers import clock, milliseconds, per_second


def progress_line(snapshot: Snapshot) -> str:
    """Returns one line: the rates of the last full seconds, response times of the last ten, all failures."""
    now = rates_now(snapshot)
    seconds = max(snapshot.total.seconds, 1e-9)
    # Before the first full second, use the mean.
    started = snapshot.total.started / seconds if now.started is None else now.started
    completed = snapshot.total.completed / seconds if now.completed is None else now.completed
    name, tail = snapshot.recent.response.tail
    text = (
        f"{clock(snapshot.elapsed_s):>5}  {per_second(started)} started/s  {per_second(completed)} completed/s"
        f"  failed {snapshot.total.failed:,}  p50 {milliseconds(snapshot.recent.response.p50)} ms"
        f"  {name} {milliseconds(tail)} ms  in flight {snapshot.in_flight:,}  waiting {snapshot.waiting:,}"
    )
    return f"{text}  (generator near its limit: CPU {snapshot.cpu_percent:.0f} %)" if near_limit(snapshot) else text
