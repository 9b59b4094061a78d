"""`glasscloud load`: runs a load from options, a plan or a script, with a live view and reports."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from client.cli.command import Command
from client.cli.load.options import (
    add_loop_options,
    add_script_options,
    add_target_options,
    plans_of,
    processes_of,
)
from client.load.live.live_state import progress_line
from client.load.outputs import OutputFiles
from client.load.plan.model import Plan
from client.load.plan_runner import PlanRunner, Watcher, verdict_of
from client.load.repeat import Repeats, repeat, repeat_json, repeat_lines
from client.load.report.json_report import SCHEMA, report_json
from client.load.report.text_report import text_report
from client.load.run import LoadRun
from client.load.run_report import Report, ignored_proxies, usable_cores
from client.load.workers import WorkerSource
from client.terminal.plain_text import clean, clean_lines
from vmhost.base.errors import CloudError, InvalidInput

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
    """Declares the command's arguments."""
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
        "--threshold",
        action="append",
        default=[],
        metavar="'p99<50ms'",
        help="pass/fail threshold; repeatable",
    )
    group.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="run N times, and report median and spread (default 1)"
    )
    group.add_argument("--stop-when-broken", action="store_true", help="end the run as soon as a threshold is broken")
    group.add_argument("--json", action="store_true", help="print the report as JSON")
    group.add_argument("--report", metavar="FILE", help="write the report as an HTML page")
    group.add_argument("--hlog", metavar="FILE", help="write an HdrHistogram log with the histograms of each second")
    group.add_argument("--prometheus", metavar="HOST:PORT", help="serve Prometheus metrics at /metrics during the run")
    group.add_argument("--plain", action="store_true", help="print progress lines instead of the live view")


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("from several computers (glasscloud load worker)")
    group.add_argument(
        "--listen", metavar="HOST:PORT", help="let workers that connect here send the load (loopback by default)"
    )
    group.add_argument(
        "--workers", type=int, default=None, metavar="N", help="start when N workers have joined (default 1)"
    )
    group.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the token of the workers (or $GLASSCLOUD_LOAD_TOKEN)"
    )


def _once(args: argparse.Namespace) -> int:
    """Tries each plan once. Returns 0 if everything was good, else 1."""
    from client.load.try_once import try_once

    for option in ("json", "report", "hlog", "prometheus", "listen"):
        if getattr(args, option):
            raise InvalidInput(f"--{option} cannot be used with --once, which only prints one request")
    out = sys.stdout

    def say(text: str) -> None:
        print(clean(text), file=out, flush=True)

    good = [asyncio.run(try_once(plan, say)) for plan in plans_of(args)]
    return 0 if all(good) else 1


def run(args: argparse.Namespace) -> int:
    """Runs the load. Returns 0 VALID, 1 FAILED or an output not written, 2 not started, 3 INVALID, 143 after SIGTERM.

    Raises InvalidInput."""
    if args.once:
        return _once(args)
    plans, processes = plans_of(args), _processes(args)
    if args.repeat != 1 and len(plans) > 1:
        raise InvalidInput(f"--repeat {args.repeat} needs a plan with one tenant")
    if proxies := ignored_proxies([url for plan in plans for url in plan.urls]):
        _say(f"{', '.join(proxies)} is set but not used: requests go directly to the server")
    outputs = OutputFiles(page=_path(args.report), log=_path(args.hlog))
    outputs.check()
    command = _Command(args=args, plans=plans, processes=processes, outputs=outputs)
    try:
        result = asyncio.run(command.carry_out())
    except CloudError as error:
        _say_all(command.kept)
        if args.json:
            print(json.dumps({"schema": SCHEMA, "verdict": None, "error": _error_json(error)}, indent=2), flush=True)
        _say(f"glasscloud {NAME}: {error.message}")
        return 128 + command.signals[0] if command.signals else 2
    # The reader of standard output may have closed it; files and exit code must be right anyway.
    messages = outputs.done(result.reports)
    with contextlib.suppress(BrokenPipeError):
        print(clean_lines(result.text), flush=True)
    for text in messages:
        _say(text)
    return TERMINATED if command.terminated else result.exit_code or int(outputs.failed)


def _error_json(error: CloudError) -> dict[str, str]:
    """Returns the error that prevented a run, as JSON."""
    return {"kind": error.kind, "message": error.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What the command prints and returns at its end."""

    text: str
    exit_code: int
    reports: Sequence[Report]


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

    @property
    def terminated(self) -> bool:
        """Whether SIGTERM ended it, so that the results are incomplete."""
        return signal.SIGTERM in self.signals

    async def carry_out(self) -> _Result:
        """Runs once or repeatedly; Ctrl-C ends it with the results so far."""
        stop = asyncio.Event()

        def end(number: int) -> None:
            self.signals.append(number)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        async with self._metrics() as expose, self._worker_pool() as worker_pool:
            watch = _watch(self.args, self.plans)
            # The live view cannot show a script's output, so it follows the report; elsewhere it is printed at once.
            on_output = self.kept.extend if watch is _show_screen else _say_all
            runner = PlanRunner(
                processes=self.processes, stop=stop, watch=watch, worker_source=worker_pool, on_output=on_output,
                on_broken=self._broken if self.args.stop_when_broken else None,
            )  # fmt: skip

            async def once(number: int) -> tuple[Report, ...]:
                def on_started(runs: Sequence[LoadRun]) -> None:
                    self.outputs.started(runs, number)
                    expose(runs)

                return await runner.run(self.plans, on_started)

            async def again(number: int) -> Report:
                _say(f"run {number + 1} of {self.args.repeat}")
                (report,) = await once(number)
                return report

            if self.args.repeat == 1:
                return self._result(await once(0))
            return self._repeated(await repeat(again, self.args.repeat))

    def _broken(self, words: str) -> None:
        _say(f"stopped: {words}")

    def _result(self, reports: tuple[Report, ...]) -> _Result:
        verdict = verdict_of(reports)
        if self.args.json:
            text = json.dumps(_document(reports), indent=2)
        else:
            text = "\n\n".join("\n".join([*text_report(report), *self._output(report)]) for report in reports)
        return _Result(text=text, exit_code=verdict.exit_code, reports=reports)

    def _output(self, report: Report) -> list[str]:
        """Returns the output of the script, unless it was printed during the run."""
        printed = report.result.output if self.kept else ()
        return ["  the script printed:", *(f"    {line}" for line in printed)] if printed else []

    def _repeated(self, repeats: Repeats) -> _Result:
        lines = repeat_lines(repeats)
        if repeats.median_run is not None:
            lines += ["", *text_report(repeats.median_run)]
        text = json.dumps(repeat_json(repeats), indent=2) if self.args.json else "\n".join(lines)
        return _Result(text=text, exit_code=repeats.exit_code, reports=repeats.runs)

    @contextlib.asynccontextmanager
    async def _metrics(self) -> AsyncIterator[_MetricsSource]:
        source = _MetricsSource()
        if self.args.prometheus is None:
            yield source
            return
        from client.load.outputs import serve_metrics

        async with serve_metrics(self.args.prometheus, source.text) as url:
            _say(f"metrics: {url}")
            yield source

    @contextlib.asynccontextmanager
    async def _worker_pool(self) -> AsyncIterator[WorkerSource | None]:
        """Waits for workers on other computers; None if this computer sends the load itself."""
        if self.args.listen is None:
            yield None
            return
        from client.load.distributed.connection import parse_address
        from client.load.distributed.handshake import read_token
        from client.load.distributed.worker_pool import WorkerPool

        address = parse_address(self.args.listen, default_host="127.0.0.1")
        token = read_token(self.args.token_file)
        token.secret()
        async with WorkerPool(address, token, say=_say, warn=_say, wait_s=WORKERS_WAIT_S) as worker_pool:
            _say(
                f"waiting for {self.processes} workers: glasscloud load worker {worker_pool.address} --token-file FILE"
            )
            yield worker_pool


class _MetricsSource:
    """The runs whose metrics are served."""

    def __init__(self) -> None:
        self._runs: Sequence[LoadRun] = ()

    def __call__(self, runs: Sequence[LoadRun]) -> None:
        self._runs = runs

    def text(self) -> str:
        """Returns their present metrics as text."""
        from client.load.report.prometheus import prometheus_text

        return prometheus_text([(run.snapshot(), run.plan) for run in self._runs])


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
        _say(f"{name}{progress_line(snapshot)}")


def _say_all(lines: Sequence[str]) -> None:
    for each in lines:
        _say(each)


def _say(text: str) -> None:
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


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


COMMANDS = {NAME: Command(help=HELP, examples=EXAMPLES, add_arguments=add_arguments, run=run)}
