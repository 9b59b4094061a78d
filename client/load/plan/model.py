"""The data of a plan: which requests are sent (targets), when (an open or a closed loop), and the thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CONNECTIONS_LEAST = 64
CONNECTIONS_AUTO_MAX = 1000
"""A plan without a number of connections gets as many as its rate can need, between these two."""
ONCE = "once"
DEFAULT_TARGET = ""
"""The name of a plan's only target, if it has none of its own."""
FLOW = "flow"
"""The name of a script's flow as a target."""


class Spacing(StrEnum):
    """How arrivals are spaced: evenly, or as independent users come."""

    EVEN = "even"
    POISSON = "Poisson"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStage:
    """A period in which the rate changes linearly from one value to another."""

    seconds: float
    from_per_s: float
    to_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A sine round the plan's rate: `amplitude_per_s` above and below it, once each `period_s`."""

    amplitude_per_s: float
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoop:
    """Arrivals that do not depend on the server's responses: users who do not know of each other.

    A constant `rate_per_s`, or `stages` one after the other (the last one's rate then stays), or a `wave` round the
    rate, or a `trace`: the seconds of all arrivals from the run's start, in order."""

    rate_per_s: float = 0.0
    spacing: Spacing = Spacing.EVEN
    stages: tuple[RateStage, ...] = ()
    wave: Wave | None = None
    trace: tuple[float, ...] | None = None

    @property
    def peak_per_s(self) -> float:
        """The highest rate; of a trace, the most arrivals within a second."""
        if self.trace is not None:
            return float(_most_within(self.trace, 1.0))
        if self.stages:
            return max(max(stage.from_per_s, stage.to_per_s) for stage in self.stages)
        return self.rate_per_s + (self.wave.amplitude_per_s if self.wave is not None else 0.0)

    @property
    def model(self) -> str:
        """The arrival process in words, for reports."""
        if self.trace is not None:
            return f"open loop, replay of {len(self.trace)} arrivals"
        if self.wave is not None:
            rate = f"sine {self.rate_per_s:g}±{self.wave.amplitude_per_s:g}/s each {self.wave.period_s:g} s"
        elif len(self.stages) == 1:
            (stage,) = self.stages
            rate = f"ramp {stage.from_per_s:g} to {stage.to_per_s:g}/s in {stage.seconds:g} s"
        elif self.stages:
            rate = f"{len(self.stages)} stages up to {max(max(s.from_per_s, s.to_per_s) for s in self.stages):g}/s"
        else:
            rate = f"constant {self.rate_per_s:g}/s"
        return f"open loop, {rate}" + (", Poisson" if self.spacing is Spacing.POISSON else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoop:
    """A number of users, each of whom waits for the response, pauses and sends again: a slow server gets less to do.

    `think_s` is the mean of an exponential distribution where `think_varies`, else it is always the same. Without
    thinking it is wrk's question: how fast can it go. The users come one after the other in the first `ramp_up_s`."""

    users: int
    think_s: float = 0.0
    think_varies: bool = False
    ramp_up_s: float = 0.0

    @property
    def model(self) -> str:
        """The arrival process in words, for reports."""
        kind = "exponential" if self.think_varies else "constant"
        thinking = f"thinking {self.think_s:g} s ({kind})" if self.think_s else "without think time"
        coming = f", coming within {self.ramp_up_s:g} s" if self.ramp_up_s else ""
        return f"closed loop, {self.users} {'user' if self.users == 1 else 'users'} {thinking}{coming}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a good response is. Without statuses, anything below 400."""

    statuses: tuple[int, ...] = ()
    contains: str | None = None
    """Text that the body holds, as UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Where the values of a placeholder in a URL, a header or a body come from: a list, or the lines of a file.

    With placeholders such as `{user.email}` the file is CSV: its first line names the columns, and all placeholders of
    a request are filled from one row. Rows are drawn `uniform`, `zipf` (the n-th is used 1/n as often as the first),
    `in turn`, or `once`: each at most once in the whole run, which ends with the last one."""

    values: tuple[str, ...] = ()
    file: str | None = None
    draw: str = "uniform"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a multipart form: a text, or a file with the name and type that are sent for it."""

    name: str
    value: str = ""
    file: str | None = None
    filename: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One kind of request. `{word}` in the URL, a header, the body or the form is filled from the plan's source of that
    name, `${NAME}` from the environment. `body_file` is sent as it is, instead of `body`; so are the files of `form`.

    `corpus` is the path of a search corpus's queries: then `url` is the search service, its words are asked as often
    as people would, and every answer is checked against the corpus."""

    url: str
    name: str = DEFAULT_TARGET
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    body_file: str | None = None
    form: tuple[FormField, ...] = ()
    weight: float = 1.0
    expect: Expect = Expect()
    corpus: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Its texts that may have placeholders, the URL first."""
        return self.url, self.body, *(value for _, value in self.headers), *(field.value for field in self.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Sends a slow request a second time, and uses the response that comes first.

    After `after_ms`, or after the percentile `after_percentile` of the last seconds' service times; at most `budget`
    times as many extra requests as arrivals."""

    after_ms: float | None = None
    after_percentile: float = 95.0
    budget: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One tenant's load: targets, one loop, and its bounds. `duration_s` None runs until it is
    stopped, or for that number of `requests`.

    `timeout_s` counts from the instant the request was due, as its user waits. What is due in the first `warm_up_s` is
    sent, shown and left out of the figures. `connections` None: as many as its rate can need. `traced` puts a fresh W3C
    traceparent into each request. `script` is the path of a Python file whose `flow` each arrival runs, instead of one
    request, and `base` the URL before the paths that it asks for.

    `cacert` is a PEM file with the CAs that are trusted instead of the system's, `cert` and `key` are the client's own
    certificate and its key. Each of `resolve` is HOST:PORT:ADDRESS[,ADDRESS]: where connections to that host go."""

    targets: tuple[Target, ...] = ()
    open: OpenLoop | None = None
    closed: ClosedLoop | None = None
    name: str = ""
    duration_s: float | None = None
    warm_up_s: float = 0.0
    connections: int | None = None
    timeout_s: float = 2.0
    seed: int = 1
    sources: dict[str, DataSource] | None = None
    hedge: Hedge | None = None
    thresholds: tuple[str, ...] = ()
    insecure: bool = False
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    resolve: tuple[str, ...] = ()
    traced: bool = True
    requests: int | None = None
    script: str | None = None
    base: str | None = None

    @property
    def endless(self) -> bool:
        """Whether it runs until it is stopped."""
        return self.duration_s is None and self.requests is None

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts that may have placeholders."""
        return tuple(text for target in self.targets for text in target.texts)

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it sends requests."""
        return tuple(target.url for target in self.targets) if self.base is None else (self.base,)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Its targets' names by number. A script's flow is one; the names of its steps are found as it runs."""
        return tuple(target.name or target.url for target in self.targets) if self.script is None else (FLOW,)

    @property
    def connections_max(self) -> int:
        """The most connections at once, or flows of a script."""
        if self.connections is not None:
            return self.connections
        return connections_for(0.0 if self.open is None else self.open.peak_per_s, self.timeout_s)

    @property
    def model(self) -> str:
        """The arrival process in words."""
        loop = self.open or self.closed
        assert loop is not None, "a checked plan has a loop"
        return loop.model


def connections_for(rate_per_s: float, timeout_s: float) -> int:
    """As many connections as can be busy at that rate before requests run into the timeout, from 64 to 1,000."""
    return min(CONNECTIONS_AUTO_MAX, max(CONNECTIONS_LEAST, math.ceil(rate_per_s * timeout_s)))


def _most_within(times: Sequence[float], seconds: float) -> int:
    first = most = 0
    for last, at_s in enumerate(times):
        while at_s - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def constant(url: str, rate_per_s: float, *, corpus: str | None = None, **settings: object) -> Plan:
    """The plan most people want first: one target at a constant rate; `settings` are a Plan's own."""
    target = Target(url=url, corpus=corpus)
    return Plan(targets=(target,), open=OpenLoop(rate_per_s=rate_per_s), **settings)  # type: ignore[arg-type]
