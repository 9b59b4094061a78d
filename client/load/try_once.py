"""One request of each target, or one flow of a script, shown with both sides: to try a plan before it is load."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from client.load.engine.endpoint import connection_error_text, reach_all
from client.load.engine.responses import FAULTS
from client.load.http_text import raw_request_text, response_text, status_phrase
from client.load.interval_stats import Recorder
from client.load.plan.model import FLOW, OpenLoop, Plan
from client.load.plan.placeholders import hide, variables_of
from client.load.report.text_report import marked_lines
from client.load.request_factory import DRAWS, prepare_requests
from client.load.requests import PreparedRequest
from client.load.script.captured_output import CapturedOutput, capture_output
from vmhost.base.errors import CloudError
from vmhost.base.http1 import Failure, HttpFailure
from vmhost.base.http_response import Response

_LINES_MAX = 60
Say = Callable[[str], None]


async def try_once(plan: Plan, say: Say) -> bool:
    """Sends one request of each target, or runs the script's flow once, and says what was sent and what came back.

    Return whether everything was as it should be. Raises InvalidInput, Unavailable."""
    if plan.script is not None:
        return await _flow(plan, say)
    variables = variables_of(plan, os.environ)
    good = [
        await _request(plan, prepared, lambda text: say(hide(text, variables)))
        for prepared in _one_of_each(plan, variables)
    ]
    return all(good)


def _one_of_each(plan: Plan, variables: Mapping[str, str]) -> Iterator[PreparedRequest]:
    seen: set[int] = set()
    requests = prepare_requests(plan, variables)
    for number in range(min(len(requests.drawn), DRAWS)):
        prepared = requests.pick(number)
        if prepared.target not in seen:
            seen.add(prepared.target)
            yield prepared


async def _request(plan: Plan, prepared: PreparedRequest, say: Say) -> bool:
    raw = prepared.raw
    if plan.traced:
        raw = prepared.with_trace(b"%048x" % random.getrandbits(192))
    (endpoint,) = await reach_all(plan, [prepared.origin])
    began_s = time.monotonic()
    try:
        connection = await endpoint.connect(plan.timeout_s)
    except HttpFailure as refused:
        reason = connection_error_text(refused)
        say(f"{plan.target_names[prepared.target]}: FAILED: no connection could be made: {reason}")
        return False
    connected_s = time.monotonic()
    done: asyncio.Future[tuple[Response | None, Failure | None]] = asyncio.get_running_loop().create_future()
    connection.send(raw, lambda response, failure: done.set_result((response, failure)), head=prepared.head)
    _, pending = await asyncio.wait([done], timeout=plan.timeout_s)
    if pending:
        connection.abort()
    response, failure = await done
    took_s = time.monotonic() - connected_s
    connection.abort()
    if response is not None:
        fault = prepared.fault(response)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
        answer = response_text(response.status, headers, response.body)
        result = f"FAILED: {prepared.why(response, fault)}" if fault else _status(response.status)
    else:
        assert failure is not None
        fault, answer = FAULTS[failure], ""
        result = f"FAILED: no response within {plan.timeout_s:g} s" if pending else f"FAILED: no response: {fault}"
    say(
        f"{plan.target_names[prepared.target]}: {result}; "
        f"connected in {_ms(connected_s - began_s)}, response after {_ms(took_s)}"
    )
    _say_both(say, raw_request_text(raw), answer)
    return not fault


async def _flow(plan: Plan, say: Say) -> bool:
    # Only who has a script pays for a general HTTP client.
    from client.load.script.flow import Flow
    from client.load.script.flow_engines import prepare_script
    from client.load.script.flow_runner import FlowRunner
    from client.load.script.step_recorder import StepResult

    printed = CapturedOutput()

    def say_printed(*, rest: bool = False) -> None:
        lines, left_out = printed.take(rest=rest)
        for line in [*lines, *([f"… {left_out:,} more lines left out"] if left_out else [])]:
            say(f"printed: {line}")

    def on_step(step: StepResult) -> None:
        say_printed()
        answer = step.exchange.answer if step.exchange is not None else None
        result = f"FAILED: {step.error}" if step.error else _status(answer.status) if answer is not None else "good"
        say(f"step {step.name}: {result}; after {step.took_ms:.1f} ms")
        if step.exchange is not None:
            if step.exchange.redirects:
                say(f"    (after {step.exchange.redirects} redirects; the last request is shown)")
            _say_both(say, step.exchange.request, step.exchange.response)

    # An arrival of an open loop is a new user: it starts, runs the flow and stops.
    plan = replace(plan, open=OpenLoop(rate_per_s=1.0), closed=None)
    with capture_output(printed):
        try:
            script, shared = await prepare_script(plan)
        except CloudError:
            say_printed(rest=True)
            raise
        runner = FlowRunner(plan, script, shared)
        runner.steps.on_step = on_step
        async with runner, runner.user() as user:
            now_ns = time.monotonic_ns()
            flow = Flow(0, Recorder(now_ns).stats_at(now_ns), now_ns, now_ns)
            flow.stats.record_arrival()
            fault = await runner.run_flow(flow, user)
            took_s = (time.monotonic_ns() - now_ns) / 1e9
            await runner.stop(user)
        say_printed(rest=True)
    if fault:
        errors = [example.error for example in runner.examples.all if example.target == FLOW]
        words = errors[0] if errors else "a step failed, see above"
        first, *traceback = words.split("\n")
        say(f"flow: FAILED ({fault}): {first}; after {_ms(took_s)}")
        for line in traceback:
            say(f"  {line}")
    else:
        say(f"flow: good; after {_ms(took_s)}")
    return not fault


def _status(status: int) -> str:
    return f"{status} {status_phrase(status)}".rstrip()


def _say_both(say: Say, request: str, response: str) -> None:
    for line in [*marked_lines(">", request, _LINES_MAX), *marked_lines("<", response, _LINES_MAX)]:
        say(line)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
