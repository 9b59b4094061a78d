"""`glasscloud load`: runs a load from options, a plan or a script, with a live view and reports."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from client.cli.command import Command
from client.cli.load.options import add_loop_options, add_script_options, add_target_options, plans_of, processes_of
from client.load.live.live_state import progress_line
from client.load.outputs import OutputFiles
from client.load.plan.model import Plan
from client.load.plan_runner import PlanRunner, Watcher, verdict_of
from client.load.repeat import Repeats, repeat, repeat_json, repeat_lines
from client.load.report.json_report import SCHEMA, report_json
from client.load.report.text_report import text_report
from client.load.run import LoadRun
from client.load.run_report import Report, ignored_proxies, usable_cores
from client.terminal.plain_text import clean, clean_lines
from vmhost.base.errors import CloudError, InvalidInput
from vmhost.base.files import indented_json

if TYPE_CHECKING:
    from client.load.distributed.worker_pool import WorkerPool

NAME = "load"
HELP = "send requests at a rate or as users, and report response times and errors"
EXAMPLES = """\
  glasscloud load http://127.0.0.1:8000/ --rate 200 --for 30s
  glasscloud load http://127.0.0.1:8000/ --users 50 --report run.html
  glasscloud load http://127.0.0.1:8000/ -d '{"a": 1}' --threshold 'p99<50ms'
  glasscloud load http://127.0.0.1:8000/ --rate max -c 50 --processes auto
  glasscloud load http://127.0.0.1:8000 --queries  # search as people would
  glasscloud load flow.py --once                   # run a flow once and show it
  glasscloud load plan.toml --json > run.json      # run a plan file
also:
  glasscloud load compare A.json B.json            # compare two runs
  glasscloud load sweep URL --from 100 --to 20000  # find the highest good rate
  glasscloud load worker HOST:PORT                 # send part of a load
HTTP/1.1 only: HTTP/2 and HTTP/3 are not supported.
Exit code: 0 VALID, 1 FAILED, 2 wrong usage or not started, 3 INVALID,
143 ended by SIGTERM.
"""
EVERY_S = 5.0
TERMINATED = 128 + signal.SIGTERM
"""The exit code of a run that SIGTERM ended; it still writes its report."""
WORKERS_MAX = 1000
WORKERS_WAIT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="URL to send requests to, or a plan (PLAN.toml), or a script (FLOW.py)")
    add_loop_options(parser)
    add_target_options(parser)
    add_script_options(parser)
    _add_worker_options(parser)
    parser.add_argument(
        "--once", action="store_true",
        help="send one request to each target, or run the flow of a script once, and show requests and responses",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument(
        "--threshold", action="append", default=[], metavar="'p99<50ms'", help="pass/fail threshold; repeatable"
    )
    group.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="run N times, and report median and spread (default 1)"
    )
    group.add_argument("--stop-when-broken", action="store_true", help="end the run as soon as a threshold is broken")
    group.add_argument("--json", action="store_true", help="print the report as JSON")
    group.add_argument("--report", type=Path, metavar="FILE", help="write the report as an HTML page")
    group.add_argument(
        "--hlog", type=Path, metavar="FILE", help="write an HdrHistogram log with the histograms of each second"
    )
    group.add_argument("--prometheus", metavar="HOST:PORT", help="serve Prometheus metrics at /metrics during the run")
    group.add_argument("--plain", action="store_true", help="print progress lines instead of the live view")


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("from several computers (glasscloud load worker)")
    group.add_argument(
        "--listen", metavar="HOST:PORT", help="let workers that connect here send the load (default HOST loopback)"
    )
    group.add_argument(
        "--workers", type=int, default=None, metavar="N", help="start when N workers have joined (default 1)"
    )
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the token of the workers (default $GLASSCLOUD_LOAD_TOKEN)",
    )


def _once(args: argparse.Namespace) -> int:
    """Tries each plan once. Returns 0 if everything was good, else 1."""
    from client.load.try_once import try_once

    for option in ("json", "report", "hlog", "prometheus", "listen"):
        if getattr(args, option):
            raise InvalidInput(
                f"--{option} cannot be used with --once, which sends each request once and makes no report"
            )
    out = sys.stdout

    def show(text: str) -> None:
        print(clean(text), file=out, flush=True)

    good = [asyncio.run(try_once(plan, show)) for plan in plans_of(args)]
    return 0 if all(good) else 1


def run(args: argparse.Namespace) -> int:
    """Runs the load. Returns 0 VALID, 1 FAILED or an output not written, 2 not started, 3 INVALID, 143 after SIGTERM.

    Raises InvalidInput."""
    if args.once:
        return _once(args)
    plans, processes = plans_of(args), _processes(args)
    if args.repeat != 1 and len(plans) > 1:
        raise InvalidInput(f"--repeat {args.repeat} needs a plan with one tenant")
    warn_of_proxies(plans)
    outputs = OutputFiles(page=args.report, log=args.hlog)
    outputs.check()
    command = _Command(args=args, plans=plans, processes=processes, outputs=outputs)
    try:
        text, exit_code, reports = asyncio.run(command.carry_out())
    except CloudError as error:
        say_all(command.kept)
        if args.json:
            failure = {"kind": error.kind, "message": error.message}
            print(indented_json({"schema": SCHEMA, "verdict": None, "error": failure}), flush=True)
        say(f"glasscloud {NAME}: {error.message}")
        return 128 + command.signals[0] if command.signals else 2
    # The reader of standard output may have closed it; files and exit code must be right anyway.
    messages = outputs.done(reports)
    with contextlib.suppress(BrokenPipeError):
        print(clean_lines(text), flush=True)
    say_all(messages)
    return TERMINATED if signal.SIGTERM in command.signals else exit_code or int(outputs.failed)


_Result = tuple[str, int, Sequence[Report]]
"""What the command prints, its exit code, and the reports of its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """The command with its parsed arguments."""

    args: argparse.Namespace
    plans: tuple[Plan, ...]
    processes: int
    outputs: OutputFiles
    kept: list[str] = field(default_factory=list)
    """The output of a script, in case the run fails before its report."""
    signals: list[int] = field(default_factory=list)
    """The signals that ended it, in order."""
    runs: list[LoadRun] = field(default_factory=list)
    """The runs that go on, whose metrics are served."""

    async def carry_out(self) -> _Result:
        """Runs once or repeatedly; Ctrl-C ends it with the results so far."""
        stop = stop_on_signals(self.signals)
        async with contextlib.AsyncExitStack() as stack:
            if self.args.prometheus is not None:
                from client.load.outputs import serve_metrics

                say(f"metrics: {await stack.enter_async_context(serve_metrics(self.args.prometheus, self._metrics))}")
            worker_source = None
            if self.args.listen is not None:
                worker_source = await stack.enter_async_context(self._worker_pool())
                joining = f"glasscloud load worker {worker_source.address} --token-file FILE"
                say(f"waiting for {self.processes} workers: {joining}")
            watch = _watch(self.args, self.plans)
            # The live view cannot show a script's output, so it follows the report; elsewhere it is printed at once.
            on_output = self.kept.extend if watch is _show_screen else say_all
            runner = PlanRunner(
                processes=self.processes, stop=stop, watch=watch, worker_source=worker_source, on_output=on_output,
                on_broken=_say_broken if self.args.stop_when_broken else None,
            )  # fmt: skip

            async def once(number: int) -> tuple[Report, ...]:
                def on_started(runs: Sequence[LoadRun]) -> None:
                    self.outputs.started(runs, number)
                    self.runs[:] = runs

                return await runner.run(self.plans, on_started)

            async def again(number: int) -> Report:
                say(f"run {number + 1} of {self.args.repeat}")
                (report,) = await once(number)
                return report

            if self.args.repeat == 1:
                return self._result(await once(0))
            return self._repeated(await repeat(again, self.args.repeat))

    def _metrics(self) -> str:
        from client.load.report.prometheus import prometheus_text

        return prometheus_text([(run.snapshot(), run.plan) for run in self.runs])

    def _worker_pool(self) -> WorkerPool:
        """Returns the pool in which workers on other computers join."""
        from client.load.distributed.connection import parse_address
        from client.load.distributed.handshake import read_token
        from client.load.distributed.worker_pool import WorkerPool

        address = parse_address(self.args.listen, default_host="127.0.0.1")
        return WorkerPool(address, read_token(self.args.token_file), say=say, warn=say, wait_s=WORKERS_WAIT_S)

    def _result(self, reports: tuple[Report, ...]) -> _Result:
        if self.args.json:
            text = indented_json(_document(reports))
        else:
            text = "\n\n".join("\n".join([*text_report(report), *self._output(report)]) for report in reports)
        return text, verdict_of(reports).exit_code, reports

    def _output(self, report: Report) -> list[str]:
        """Returns the output of the script, unless it was printed during the run."""
        printed = report.result.output if self.kept else ()
        return ["  the script printed:", *(f"    {line}" for line in printed)] if printed else []

    def _repeated(self, repeats: Repeats) -> _Result:
        lines = repeat_lines(repeats)
        if repeats.median_run is not None:
            lines += ["", *text_report(repeats.median_run)]
        text = indented_json(repeat_json(repeats)) if self.args.json else "\n".join(lines)
        return text, repeats.exit_code, repeats.runs


def _document(reports: tuple[Report, ...]) -> dict[str, object]:
    if len(reports) == 1:
        return report_json(reports[0])
    tenants = [{"name": report.plan.name, **report_json(report)} for report in reports]
    return {"schema": SCHEMA, "kind": "tenants", "verdict": verdict_of(reports).value, "tenants": tenants}


def _watch(args: argparse.Namespace, plans: Sequence[Plan]) -> Watcher:
    """Returns the live view for one run on a terminal, else progress lines."""
    from client.terminal.tty import is_terminal

    return _show_lines if args.plain or args.json or len(plans) > 1 or not is_terminal() else _show_screen


async def _show_screen(runs: Sequence[LoadRun]) -> None:
    from client.load.live.live_view import show_live_load

    (run,) = runs
    plan = run.plan
    await show_live_load(run, title=plan.name or plan.script or plan.targets[0].url)


async def _show_lines(runs: Sequence[LoadRun]) -> None:
    """Prints a line for each run every few seconds."""
    await asyncio.gather(*(_print_progress(run) for run in runs))


async def _print_progress(run: LoadRun) -> None:
    name = f"{run.plan.name}: " if run.plan.name else ""
    async for snapshot in run.snapshots(EVERY_S):
        say(f"{name}{progress_line(snapshot)}")


def _say_broken(words: str) -> None:
    say(f"stopped: {words}")


# For this command and the sweep


def stop_on_signals(signals: list[int]) -> asyncio.Event:
    """Returns an event that SIGINT and SIGTERM set; they are added to the list."""
    stop = asyncio.Event()

    def end(number: int) -> None:
        signals.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    return stop


def warn_of_proxies(plans: Sequence[Plan]) -> None:
    """Says that the proxies of the environment are not used, if there are any."""
    if proxies := ignored_proxies([url for plan in plans for url in plan.urls]):
        say(f"{', '.join(proxies)} is set but not used: requests go directly to the server")


def say_all(lines: Sequence[str]) -> None:
    for each in lines:
        say(each)


def say(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def _processes(args: argparse.Namespace) -> int:
    """Returns the number of sending processes on this computer, or the number of workers to wait for."""
    if args.listen is None:
        if args.workers is not None or args.token_file is not None:
            raise InvalidInput("--workers and --token-file need --listen")
        return processes_of(args.processes or "1", usable_cores())
    if args.processes is not None:
        raise InvalidInput("--processes cannot be used with --listen; give it to each worker")
    workers = 1 if args.workers is None else args.workers
    if not 1 <= workers <= WORKERS_MAX:
        raise InvalidInput(f"--workers must be 1 to {WORKERS_MAX}, not {workers}")
    return workers


COMMANDS = {NAME: Command(help=HELP, examples=EXAMPLES, add_arguments=add_arguments, run=run)}
