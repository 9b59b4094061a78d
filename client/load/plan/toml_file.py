"""Reads plans from TOML files: the fields of `model.py` in the form in which people write them.

    rate = 200                       # or users = 50 and think = "1s"; or stages, wave, trace
    spacing = "poisson"
    for = "30s"
    thresholds = ["p99<50ms", "search:errors<0.1%"]

    [source.word]
    list = ["hypervisor", "server"]  # or file = "words.txt"; draw = "uniform", "zipf" or "in turn"

    [[target]]
    name = "search"
    url = "http://127.0.0.1:8000/search?q={word}"
    weight = 3
    expect = {status = [200], contains = "results"}

Several tenants of one run are `[[tenant]]` tables with all of this inside; what stands above them holds for each.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from client.load.plan.model import (
    ClosedLoop,
    DataSource,
    Expect,
    FormField,
    Hedge,
    OpenLoop,
    Plan,
    RateStage,
    Spacing,
    Target,
    Wave,
)
from client.load.plan.validation import check_plan
from vmhost.base.errors import InvalidInput
from vmhost.base.units import parse_duration

TENANTS_MAX = 16
DURATION_S = 10.0
_AFTER_LAST_S = 0.001
"""A run's end is no longer part of it, and the last arrival is."""
_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]+)`, got `[^`]+`(?: - at `\$\.(?P<name>[\w-]+)(?P<item>\[.*)?`)?")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_KINDS = {"object": "a table", "array": "a list", "str": "a text", "int": "a whole number", "float": "a number",
          "bool": "true or false"}  # fmt: skip

Duration = str | float
"""A text such as "30s", or a number of seconds."""
T = TypeVar("T", bound="_Table")


# The tables as people write them


class _Table(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A TOML table: a field that it does not have is a mistake."""


class _StageTable(_Table):
    duration: Duration | None = msgspec.field(default=None, name="for")
    rate: float | None = None
    start: float | None = msgspec.field(default=None, name="from")
    end: float | None = msgspec.field(default=None, name="to")


class _WaveTable(_Table):
    amplitude: float | None = None
    period: Duration | None = None


class _HedgeTable(_Table):
    after: str = "p95"
    budget: str = "5%"


class _SourceTable(_Table):
    values: list[str] = msgspec.field(default=[], name="list")
    file: str | None = None
    draw: str = "uniform"


class _ExpectTable(_Table):
    status: int | list[int] = []
    contains: str | None = None


class _FormFileTable(_Table):
    file: str | None = None
    type: str = ""
    filename: str = ""


class _TargetTable(_Table):
    url: str | None = None
    name: str | None = None
    method: str | None = None
    headers: dict[str, Any] = {}
    body: str = ""
    body_file: str | None = None
    form: dict[str, Any] = {}
    weight: float = 1.0
    expect: dict[str, Any] = {}
    corpus: str | None = None


class _PlanTable(_Table):
    name: str = ""
    rate: float | None = None
    spacing: str = "even"
    stages: list[Any] = []
    wave: dict[str, Any] | None = None
    trace: str | None = None
    users: int | None = None
    think: Duration = 0.0
    think_varies: bool = True
    ramp_up: Duration = 0.0
    duration: Duration | None = msgspec.field(default=None, name="for")
    requests: int | None = None
    warm_up: Duration = 0.0
    connections: int | None = None
    timeout: Duration = 2.0
    seed: int = 1
    thresholds: tuple[str, ...] = ()
    hedge: dict[str, Any] | None = None
    traced: bool = True
    insecure: bool = False
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    resolve: tuple[str, ...] = ()
    source: dict[str, Any] = {}
    target: list[Any] = []


def _read(kind: type[T], data: Any, where: str) -> T:
    """The table. Raises InvalidInput that names the place, the value there and what is expected."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        if unknown := _UNKNOWN.search(str(error)):
            names = [field.encode_name for field in msgspec.structs.fields(kind)]
            known = ", ".join(sorted([*names, "tenant"] if kind is _PlanTable else names))
            raise InvalidInput(f"{where} has {unknown['name']!r}, which means nothing here; expected {known}") from None
        wrong = _EXPECTED.match(str(error))
        assert wrong is not None
        words = " or ".join(_KINDS.get(each, each) for each in wrong["kinds"].split(" | ") if each != "null")
        if wrong["item"]:
            words = f"a list with {words} in each place"
        found = f"{where}: {wrong['name']} = {data[wrong['name']]!r}" if wrong["name"] else f"{where} = {data!r}"
        raise InvalidInput(f"{found} is not understood; expected {words}") from None


def _seconds(value: Duration) -> float:
    return parse_duration(value) if isinstance(value, str) else value


# The plans


def read_plans(path: Path) -> tuple[Plan, ...]:
    """The checked plans of a file, one for each tenant. Raises InvalidInput naming the file and what is wrong in it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"plan {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"plan {path} is not TOML: {error}") from error
    try:
        return plans_of(data, folder=path.parent)
    except InvalidInput as error:
        raise InvalidInput(f"plan {path}: {error.message}") from error


def plans_of(data: Mapping[str, Any], *, folder: Path) -> tuple[Plan, ...]:
    """The plans of parsed TOML; paths in it start from the folder. Raises InvalidInput."""
    common = dict(data)
    tenants = common.pop("tenant", [])
    if not isinstance(tenants, list) or not all(isinstance(tenant, dict) for tenant in tenants):
        raise InvalidInput(f"tenant is {tenants!r}; expected [[tenant]] tables")
    if not tenants:
        return (_plan(common, "the plan", folder),)
    if len(tenants) > TENANTS_MAX:
        raise InvalidInput(f"the plan has {len(tenants)} tenants; at most {TENANTS_MAX} are possible")
    plans = [_plan({**common, **tenant}, f"tenant {number}", folder) for number, tenant in enumerate(tenants, start=1)]
    names = [plan.name for plan in plans]
    if not all(names) or len(set(names)) < len(names):
        raise InvalidInput(f"the tenants are named {names}; give each a name of its own")
    return tuple(plans)


def _plan(data: Mapping[str, Any], where: str, folder: Path) -> Plan:
    name = data.get("name")
    where = f"tenant {name!r}" if name else where
    table = _read(_PlanTable, data, where)
    opened, hedge = _open(table, where, folder), None
    if table.hedge is not None:
        policy = _read(_HedgeTable, table.hedge, f"{where}: hedge")
        hedge = parse_hedge(f"{policy.after},{policy.budget}")
    duration_s = None if table.requests is not None else _own_length_s(opened)
    return check_plan(
        Plan(
            name=table.name,
            open=opened,
            closed=_closed(table, where),
            targets=tuple(
                _target(each, f"{where}: target {number}", folder) for number, each in enumerate(table.target, start=1)
            ),
            sources={key: _source(each, f"{where}: source {key!r}", folder) for key, each in table.source.items()},
            duration_s=duration_s if table.duration is None else _seconds(table.duration),
            requests=table.requests,
            warm_up_s=_seconds(table.warm_up),
            connections=table.connections,
            timeout_s=_seconds(table.timeout),
            seed=table.seed,
            thresholds=table.thresholds,
            hedge=hedge,
            insecure=table.insecure,
            cacert=_file_in(folder, table.cacert),
            cert=_file_in(folder, table.cert),
            key=_file_in(folder, table.key),
            resolve=table.resolve,
            traced=table.traced,
        )
    )


def _file_in(folder: Path, name: str | None) -> str | None:
    return None if name is None else str(folder / name)


def _open(table: _PlanTable, where: str, folder: Path) -> OpenLoop | None:
    if table.rate is None and not table.stages and table.trace is None:
        if table.wave is not None:
            raise InvalidInput(f"{where} has a wave and no rate; give the rate around which it varies")
        return None
    spacings = {"even": Spacing.EVEN, "poisson": Spacing.POISSON}
    if table.spacing.lower() not in spacings:
        raise InvalidInput(f"spacing {table.spacing!r} is not known; use even or poisson")
    wave = None
    if table.wave is not None:
        shape = _read(_WaveTable, table.wave, f"{where}: wave")
        if shape.amplitude is None or shape.period is None:
            raise InvalidInput(f"{where}: wave is incomplete; give amplitude and period")
        wave = Wave(amplitude_per_s=shape.amplitude, period_s=_seconds(shape.period))
    return OpenLoop(
        rate_per_s=table.rate or 0.0,
        spacing=spacings[table.spacing.lower()],
        stages=tuple(_stage(each, f"{where}: stages {number}") for number, each in enumerate(table.stages, start=1)),
        wave=wave,
        trace=None if table.trace is None else read_trace(folder / table.trace),
    )


def _own_length_s(loop: OpenLoop | None) -> float:
    """The length of a loop without a given one: its stages, its trace to the last arrival, else ten seconds."""
    if loop is not None and loop.stages:
        return sum(stage.seconds for stage in loop.stages)
    if loop is not None and loop.trace:
        return loop.trace[-1] + _AFTER_LAST_S
    return DURATION_S


def _stage(data: Any, where: str) -> RateStage:
    table = _read(_StageTable, data, where)
    start, end = (table.start, table.end) if table.rate is None else (table.rate, table.rate)
    if table.duration is None or start is None or end is None or (table.rate, table.start, table.end).count(None) == 0:
        raise InvalidInput(f"{where} is incomplete; give for, and rate or from and to")
    return RateStage(seconds=_seconds(table.duration), from_per_s=start, to_per_s=end)


def _closed(table: _PlanTable, where: str) -> ClosedLoop | None:
    think_s, ramp_up_s = _seconds(table.think), _seconds(table.ramp_up)
    if table.users is None:
        if think_s or ramp_up_s:
            raise InvalidInput(
                f"{where} has {'think' if think_s else 'ramp-up'} and no users; an open loop does not wait"
            )
        return None
    varies = table.think_varies and think_s > 0
    return ClosedLoop(users=table.users, think_s=think_s, think_varies=varies, ramp_up_s=ramp_up_s)


def _target(data: Any, where: str, folder: Path) -> Target:
    table = _read(_TargetTable, data, where)
    if table.url is None:
        raise InvalidInput(f"{where} has no url; write for example http://127.0.0.1:8000/")
    expect = _read(_ExpectTable, table.expect, f"{where}: expect")
    statuses = [expect.status] if isinstance(expect.status, int) else expect.status
    method = table.method or ("POST" if table.body or table.body_file or table.form else "GET")
    return Target(
        url=table.url,
        name=table.url if table.name is None else table.name,
        method=method.upper(),
        headers=tuple((name, str(value)) for name, value in table.headers.items()),
        body=table.body,
        body_file=_file_in(folder, table.body_file),
        form=tuple(_field(name, value, where, folder) for name, value in table.form.items()),
        weight=table.weight,
        expect=Expect(statuses=tuple(statuses), contains=expect.contains),
        corpus=_file_in(folder, table.corpus),
    )


def _field(name: str, value: Any, where: str, folder: Path) -> FormField:
    if isinstance(value, str):
        return FormField(name=name, value=value)
    if not isinstance(value, dict):
        raise InvalidInput(f'{where}: form field {name!r} = {value!r} is neither a text nor {{file = "photo.png"}}')
    table = _read(_FormFileTable, value, f"{where}: form field {name!r}")
    if table.file is None:
        raise InvalidInput(f'{where}: form field {name!r} has no file; write such as {{file = "photo.png"}}')
    filename = table.filename or Path(table.file).name
    return FormField(name=name, file=str(folder / table.file), filename=filename, type=table.type)


def _source(data: Any, where: str, folder: Path) -> DataSource:
    table = _read(_SourceTable, data, where)
    return DataSource(values=tuple(table.values), file=_file_in(folder, table.file), draw=table.draw)


def parse_hedge(text: str) -> Hedge:
    """The policy in "p95", "20ms" or "p99,2%". Raises InvalidInput."""
    after, _, budget = text.partition(",")
    try:
        share = float(budget.removesuffix("%")) / 100 if budget else Hedge().budget
        if after.startswith("p"):
            return Hedge(after_percentile=float(after[1:]), budget=share)
    except ValueError:
        raise InvalidInput(f"hedge {text!r} is not understood; write for example p95, 20ms or p99,2%") from None
    return Hedge(after_ms=1000 * parse_duration(after), budget=share)


def read_trace(path: Path) -> tuple[float, ...]:
    """The arrivals of a trace file: the seconds from the run's start, a line each, in order; # begins a comment.

    Raises InvalidInput naming the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidInput(
            f"trace {path} cannot be read: {reason}; write one line with seconds for each arrival"
        ) from error
    times = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                times.append(float(text))
            except ValueError:
                raise InvalidInput(f"trace {path}, line {number}: {text[:40]!r} is no number of seconds") from None
    return tuple(times)
