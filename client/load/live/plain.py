"""A run where there is no terminal: a line now and then. Pure."""

from __future__ import annotations

from client.terminal.numbers import clock, milliseconds, per_second
from client.load.live.model import near_limit, rates_now
from client.load.summary import Snapshot


def plain_line(snapshot: Snapshot) -> str:
    """The run in one line: rates of the last whole seconds, response times of the last ten, failures of all."""
    now = rates_now(snapshot)
    seconds = max(snapshot.total.seconds, 1e-9)
    # A run too short for whole seconds has its mean.
    started = snapshot.total.started / seconds if now.started is None else now.started
    completed = snapshot.total.completed / seconds if now.completed is None else now.completed
    name, tail = snapshot.recent.response.tail
    text = (
        f"{clock(snapshot.elapsed_s):>5}  {per_second(started)} started/s  {per_second(completed)} completed/s"
        f"  failed {snapshot.total.failed:,}  p50 {milliseconds(snapshot.recent.response.p50)} ms"
        f"  {name} {milliseconds(tail)} ms  in flight {snapshot.in_flight:,}  waiting {snapshot.waiting:,}"
    )
    return f"{text}  (generator near its limit: CPU {snapshot.cpu_percent:.0f} %)" if near_limit(snapshot) else text
