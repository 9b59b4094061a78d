"""The messages between the coordinator of a run and a worker process: JSON objects, a line each, with a `type`.

To a worker: `Job`, any number of `AskClock`, `Go`; then `SetRate`, `Cut`, `Flush` and `Stop` in any order. From it:
`Ready` or `Failed`; a `Clock` for each `AskClock`; while it runs `Counted`, `Examples`, `Output`, each half second a
`Tick`, and `Flushed` after everything that was counted until then; at last `Ended`. All times are nanoseconds of the
worker's monotonic clock, except those in `Counted`, which count from the run's start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from operator import attrgetter

import msgspec

from client.load.examples import FailureExample
from client.load.histogram import Histogram
from client.load.interval_stats import IntervalData
from client.load.plan.model import Plan
from client.load.plan.placeholders import hide, map_texts
from client.load.run_result import EngineResult, TracedRequest
from vmhost.base.errors import InvalidInput


class Message(msgspec.Struct, kw_only=True, tag=str.lower):
    """One message."""


class Job(Message):
    """What one process has to do: its part of a plan, `(index, of)`.

    `variables` are the environment variables that the plan names; their values are in no message that comes back.
    `files` are the contents of the plan's files, for a worker on another computer."""

    plan: Plan
    part: tuple[int, int] = (0, 1)
    variables: dict[str, str] = {}
    files: dict[str, bytes] = {}


class AskClock(Message):
    """Send the time of your clock."""


class Go(Message):
    """Start the run at that time."""

    at_ns: int


class SetRate(Message):
    """Continue at another rate from that time on."""

    rate_per_s: float
    at_ns: int


class Cut(Message):
    """Start a new interval of the statistics at that time."""

    at_ns: int


class Flush(Message):
    """Send everything that was counted by now, then `Flushed` with this number."""

    number: int


class Stop(Message):
    """End the schedule now."""


Command = Job | AskClock | Go | SetRate | Cut | Flush | Stop


class Ready(Message):
    """The servers are reached and the requests prepared."""

    pid: int


class Failed(Message):
    """The run cannot start; `kind` is that of the error."""

    kind: str
    message: str


class Clock(Message):
    """The time now."""

    now_ns: int


class Counted(Message):
    """What was counted in an interval and not sent before."""

    interval: IntervalData


class Examples(Message):
    """New failures."""

    examples: list[FailureExample]


class Output(Message):
    """Lines that a script printed, and how many more were left out after them."""

    lines: list[str]
    left_out: int


class Tick(Message):
    """The state of the worker now."""

    in_flight: int
    waiting: int
    cpu_percent: float
    last: TracedRequest | None
    slowest: TracedRequest | None


class Flushed(Message):
    """Everything that was counted before the `Flush` with this number has been sent."""

    number: int


class Ended(Message):
    """The run is over; nothing more is sent."""

    result: EngineResult


class Refused(Message):
    """A command that was not understood, or that is not possible in this run."""

    reason: str


Reply = Ready | Failed | Clock | Counted | Examples | Output | Tick | Flushed | Ended | Refused


_HISTOGRAM_DATA = attrgetter("data")
_ENCODER = msgspec.json.Encoder(enc_hook=_HISTOGRAM_DATA)
decode_command: Callable[[bytes], Command] = msgspec.json.Decoder(Command).decode
decode_reply: Callable[[bytes], Reply] = msgspec.json.Decoder(
    Reply, dec_hook=lambda _, data: Histogram.from_data(data)
).decode
"""They take a line and raise ValueError that names the field that is wrong."""


def encode_command(command: Command) -> bytes:
    """The command as a line. Raises InvalidInput for text that is not Unicode, such as an odd file name."""
    try:
        return _ENCODER.encode(command) + b"\n"
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{error.object!a} in the plan is not Unicode text; use another name") from error


def encode_reply(reply: Reply, variables: Mapping[str, str]) -> bytes:
    """The reply as a line, with the values of these variables hidden, and of text that is not Unicode the odd parts."""
    if not variables or isinstance(reply, Counted):
        with contextlib.suppress(UnicodeEncodeError):
            return _ENCODER.encode(reply) + b"\n"
    data = msgspec.to_builtins(reply, enc_hook=_HISTOGRAM_DATA)
    shown = map_texts(data, lambda text: hide(text, variables).encode(errors="replace").decode())
    return _ENCODER.encode(shown) + b"\n"
