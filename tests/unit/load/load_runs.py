"""Reports of made-up runs with the figures that a test needs."""

from __future__ import annotations

from collections.abc import Sequence

from client.load.interval_stats import GOOD, IntervalData, IntervalStats
from client.load.messages import Counted, decode_reply, encode_reply
from client.load.metrics import Metrics
from client.load.plan.model import ClosedLoop, Plan, constant
from client.load.run_report import Environment, Report, make_report
from client.load.run_result import ProcessResult, RunResult
from client.load.schedule import NS_PER_S
from client.load.summary import Fault

URL = "http://127.0.0.1:8000/"
CLOSED = Plan(targets=constant(URL, 1).targets, closed=ClosedLoop(users=10), duration_s=10)


def run(
    response_us: Sequence[int] = (2000,) * 10, *, per_s: int = 1000, errors: Sequence[int] = (), lag_us: int = 50,
    stopped: bool = False, cpu: str = "a processor", plan: Plan | None = None,
) -> Report:  # fmt: skip
    """A run in seconds: second i's requests take `response_us[i]`, and `errors[i]` of them are refused."""
    metrics, seconds = Metrics(1_700_000_000.0, targets=("only",)), len(response_us)
    for second, took_us in enumerate(response_us):
        stats = IntervalStats(second * NS_PER_S, (second + 1) * NS_PER_S)
        refused = errors[second] if second < len(errors) else 0
        for number in range(per_s):
            stats.record_arrival()
            stats.record_sent(lag_us, 0)
            fault = Fault.CONNECT if number < refused else GOOD
            stats.record_outcome((0, 0 if fault else 200, fault), took_us, took_us)
        metrics.add(stats)
    result = RunResult(
        total=metrics.total(float(seconds)), elapsed_s=float(seconds), missed=0, stopped=stopped, marks=(),
        processes=(ProcessResult(name="process 1", cpu_percent=12.0, precise_timer=True, missed=0),),
        timeline=metrics.timeline.columns(),
    )  # fmt: skip
    here = Environment(
        system="Linux 6", cpu=cpu, cores=2, usable_cores=1, python="3.11", versions={}, load_average=0.1,
        same_host=True,
    )  # fmt: skip
    return make_report(plan or constant(URL, per_s, duration_s=seconds), result, here)


def transmitted(interval: IntervalData) -> IntervalStats:
    """The statistics after they were sent to a coordinator."""
    reply = decode_reply(encode_reply(Counted(interval=interval), {}))
    assert isinstance(reply, Counted)
    return IntervalStats.from_data(reply.interval)
