"""`glasscloud load`: runs from options, a plan or a script, with a live view and reports."""

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

from client.cli.load.options import (
    add_loop_options,
    add_script_options,
    add_target_options,
    plans_of,
    processes_of,
)
from client.load.control import LoadRun
from client.load.crew import Crew
from client.load.environment import ignored_proxies, usable_cores
from client.load.live.progress_line import progress_line
from client.load.outputs import Outputs
from client.load.plan.words import Plan
from client.load.repeat import Repeats, repeat, repeat_json, repeat_lines
from client.load.report.json_report import SCHEMA, report_json
from client.load.report.report import Report
from client.load.report.text_report import text_report
from client.load.running import Runner, Watch
from client.load.tenants import verdict_of
from client.terminal.text import clean, clean_lines
from vmhost.base.errors import CloudError, InvalidInput

NAME = "load"
HELP = "send requests at a rate or as users, and report response times and errors"
EXAMPLES = """\
  glasscloud load http://127.0.0.1:8000/ --rate 200 --for 30s --report run.html
  glasscloud load http://127.0.0.1:8000 --queries --rate 50 --for 1m      searches from the corpus, answers checked
  glasscloud load https://example.test/api -d '{"a": 1}' -H 'Content-Type: application/json' --users 50 --think 1s
  glasscloud load http://127.0.0.1:9000/ --rate max -c 50 --processes auto    as fast as it can
  glasscloud load flow.py --once      run a script's flow once and show each request and response
  glasscloud load plan.toml --threshold 'p99<50ms' --json > run.json          settings from a plan file
also:
  glasscloud load compare A.json B.json    what differs between two runs, and whether it exceeds the noise
  glasscloud load sweep URL --from 100 --to 20000    latency against offered rate, until it breaks
  glasscloud load worker HOST:PORT    send part of a run that another computer started
HTTP/1.1 only: HTTP/2 and HTTP/3 are not supported.
Exit code: 0 VALID, 1 FAILED, 2 used wrongly or not begun, 3 INVALID, 143 ended by SIGTERM.
"""
EVERY_S = 5.0
TERMINATED = 128 + signal.SIGTERM
"""The exit code of a run that SIGTERM ended; its report is written all the same."""
WORKERS_MAX = 1000
WORKERS_WAIT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("url", help="where to send requests; or a plan (PLAN.toml); or a script (FLOW.py)")
    add_loop_options(parser)
    add_target_options(parser)
    add_script_options(parser)
    _add_crew_options(parser)
    parser.add_argument(
        "--once", action="store_true",
        help="send one request of each target, or run a script's flow once, and show request and response",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="'p99<50ms'",
        help="a condition of a good run, else FAILED; repeatable",
    )
    group.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="run N times and report median and spread (1)"
    )
    group.add_argument(
        "--stop-when-broken", action="store_true", help="end the run as soon as a threshold does not hold"
    )
    group.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    group.add_argument("--report", metavar="FILE", help="write the report as a page")
    group.add_argument("--hlog", metavar="FILE", help="write each second's histograms as an HdrHistogram log")
    group.add_argument("--prometheus", metavar="HOST:PORT", help="serve the figures at /metrics while it runs")
    group.add_argument("--plain", action="store_true", help="progress lines, also on a terminal")


def _add_crew_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("from several computers (glasscloud load worker)")
    group.add_argument(
        "--listen", metavar="HOST:PORT", help="wait for workers to join here and let them send (loopback by default)"
    )
    group.add_argument("--workers", type=int, default=None, metavar="N", help="begin when N have joined (1)")
    group.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the secret that workers must know (or $GLASSCLOUD_LOAD_TOKEN)"
    )


def _once(args: argparse.Namespace) -> int:
    """Tries each plan once; 0 if all was good, 1 if not."""
    from client.load.once import try_once

    for option in ("json", "report", "hlog", "prometheus", "listen"):
        if getattr(args, option):
            raise InvalidInput(f"--once sends one request and prints it; --{option} is for runs")
    out = sys.stdout

    def say(text: str) -> None:
        print(clean(text), file=out, flush=True)

    good = [asyncio.run(try_once(plan, say)) for plan in plans_of(args)]
    return 0 if all(good) else 1


def run(args: argparse.Namespace) -> int:
    """Runs the load; 0 VALID, 1 FAILED or not all written, 2 not begun, 3 INVALID, 143 after SIGTERM.

    Raises InvalidInput."""
    if args.once:
        return _once(args)
    plans, processes = plans_of(args), _processes(args)
    if args.repeat != 1 and len(plans) > 1:
        raise InvalidInput(f"--repeat {args.repeat} needs a plan with one tenant")
    if proxies := ignored_proxies([url for plan in plans for url in plan.urls]):
        _say(f"{', '.join(proxies)} is set and ignored: requests go straight to the server")
    outputs = Outputs(page=_path(args.report), log=_path(args.hlog))
    outputs.check()
    command = _Command(args=args, plans=plans, processes=processes, outputs=outputs)
    try:
        told = asyncio.run(command.carry_out())
    except CloudError as error:
        _say_all(command.kept)
        if args.json:
            print(json.dumps({"schema": SCHEMA, "verdict": None, "error": _error_json(error)}, indent=2), flush=True)
        _say(f"glasscloud {NAME}: {error.message}")
        return 128 + command.signals[0] if command.signals else 2
    # Whoever reads the figures may have had enough of them; the files and the verdict are there all the same.
    said = outputs.done(told.reports)
    with contextlib.suppress(BrokenPipeError):
        print(clean_lines(told.text), flush=True)
    for text in said:
        _say(text)
    return TERMINATED if command.terminated else told.exit_code or int(outputs.failed)


def _error_json(error: CloudError) -> dict[str, str]:
    """An error that kept a run from beginning, for programs."""
    return {"kind": error.kind, "message": error.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the command says at its end."""

    text: str
    exit_code: int
    reports: Sequence[Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """The command with its arguments understood."""

    args: argparse.Namespace
    plans: tuple[Plan, ...]
    processes: int
    outputs: Outputs
    kept: list[str] = field(default_factory=list)
    """What a script has printed, for a run that fails before its screen and its report."""
    signals: list[int] = field(default_factory=list)
    """Those that ended it, in order."""

    @property
    def terminated(self) -> bool:
        """Whether it was ended by SIGTERM: what was measured is less than was asked for."""
        return signal.SIGTERM in self.signals

    async def carry_out(self) -> _Told:
        """Runs, once or repeatedly; Ctrl-C ends with what was measured."""
        stop = asyncio.Event()

        def end(number: int) -> None:
            self.signals.append(number)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        async with self._exposed() as expose, self._gathered() as crew:
            watch = _watch(self.args, self.plans)
            # The screen has a line for them and the report shows them again; elsewhere they are printed as they come.
            on_output = self.kept.extend if watch is _show_screen else _say_all
            runner = Runner(
                processes=self.processes, stop=stop, watch=watch, crew=crew, on_output=on_output,
                on_broken=self._broken if self.args.stop_when_broken else None,
            )  # fmt: skip

            async def once(number: int) -> tuple[Report, ...]:
                def begun(runs: Sequence[LoadRun]) -> None:
                    self.outputs.begun(runs, number)
                    expose(runs)

                return await runner.run(self.plans, begun)

            async def again(number: int) -> Report:
                _say(f"run {number + 1} of {self.args.repeat}")
                (report,) = await once(number)
                return report

            if self.args.repeat == 1:
                return self._told(await once(0))
            return self._told_repeats(await repeat(again, self.args.repeat))

    def _broken(self, words: str) -> None:
        _say(f"stopped: {words}")

    def _told(self, reports: tuple[Report, ...]) -> _Told:
        verdict = verdict_of(reports)
        if self.args.json:
            text = json.dumps(_document(reports), indent=2)
        else:
            text = "\n\n".join("\n".join([*text_report(report), *self._output(report)]) for report in reports)
        return _Told(text=text, exit_code=verdict.exit_code, reports=reports)

    def _output(self, report: Report) -> list[str]:
        """What the script printed, where it was not shown as it came."""
        printed = report.outcome.output if self.kept else ()
        return ["  the script printed:", *(f"    {line}" for line in printed)] if printed else []

    def _told_repeats(self, repeats: Repeats) -> _Told:
        lines = repeat_lines(repeats)
        if repeats.median_run is not None:
            lines += ["", *text_report(repeats.median_run)]
        text = json.dumps(repeat_json(repeats), indent=2) if self.args.json else "\n".join(lines)
        return _Told(text=text, exit_code=repeats.exit_code, reports=repeats.runs)

    @contextlib.asynccontextmanager
    async def _exposed(self) -> AsyncIterator[_Exposed]:
        exposed = _Exposed()
        if self.args.prometheus is None:
            yield exposed
            return
        from client.load.exposing import serve_metrics

        async with serve_metrics(self.args.prometheus, exposed.text) as url:
            _say(f"metrics: {url}")
            yield exposed

    @contextlib.asynccontextmanager
    async def _gathered(self) -> AsyncIterator[Crew | None]:
        """Whoever joins from elsewhere; None where this machine sends by itself."""
        if self.args.listen is None:
            yield None
            return
        from client.load.joining.address import parse_address
        from client.load.joining.gathering import Gathering
        from client.load.joining.token import token_of

        address = parse_address(self.args.listen, default_host="127.0.0.1")
        token = token_of(self.args.token_file)
        token.secret()
        async with Gathering(address, token, say=_say, warn=_say, wait_s=WORKERS_WAIT_S) as crew:
            _say(f"waiting for {self.processes} workers: glasscloud load worker {crew.address} --token-file FILE")
            yield crew


class _Exposed:
    """The runs that Prometheus sees."""

    def __init__(self) -> None:
        self._runs: Sequence[LoadRun] = ()

    def __call__(self, runs: Sequence[LoadRun]) -> None:
        self._runs = runs

    def text(self) -> str:
        """Their figures now, in its format."""
        from client.load.report.prometheus import prometheus_text_of

        return prometheus_text_of([(run.snapshot(), run.plan) for run in self._runs])


def _document(reports: tuple[Report, ...]) -> dict[str, object]:
    if len(reports) == 1:
        return report_json(reports[0])
    tenants = [{"name": report.plan.name, **report_json(report)} for report in reports]
    return {"schema": SCHEMA, "kind": "tenants", "verdict": verdict_of(reports).value, "tenants": tenants}


def _watch(args: argparse.Namespace, plans: Sequence[Plan]) -> Watch:
    """The view for who looks: a screen where one run has a terminal, else lines."""
    from client.terminal.tty import is_terminal

    return _show_lines if args.plain or args.json or len(plans) > 1 or not is_terminal() else _show_screen


async def _show_screen(runs: Sequence[LoadRun]) -> None:
    from client.load.live.live_view import show_live_load
    from client.terminal.tty import wants_colour

    (run,) = runs
    plan = run.plan
    await show_live_load(run, title=plan.name or plan.script or plan.targets[0].url, colour=wants_colour())


async def _show_lines(runs: Sequence[LoadRun]) -> None:
    """A line for each run every few seconds."""
    await asyncio.gather(*(_tell(run) for run in runs))


async def _tell(run: LoadRun) -> None:
    name = f"{run.plan.name}: " if run.plan.name else ""
    async for snapshot in run.snapshots(EVERY_S):
        _say(f"{name}{progress_line(snapshot)}")


def _say_all(lines: Sequence[str]) -> None:
    for each in lines:
        _say(each)


def _say(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def _processes(args: argparse.Namespace) -> int:
    """How many processes send: of this machine, or of those that join."""
    if args.listen is None:
        if args.workers is not None or args.token_file is not None:
            raise InvalidInput("--workers and --token-file need --listen: they are about workers on other computers")
        return processes_of(args.processes or "1", usable_cores())
    if args.processes is not None:
        raise InvalidInput("--processes does not go with --listen; give it to each worker")
    workers = 1 if args.workers is None else args.workers
    if not 1 <= workers <= WORKERS_MAX:
        raise InvalidInput(f"--workers must be 1 to {WORKERS_MAX}, not {workers}")
    return workers


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
