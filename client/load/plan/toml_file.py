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

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
_LOOP = {"rate", "spacing", "stages", "wave", "trace", "users", "think", "think-varies", "ramp-up"}
_OTHER = {"for", "requests", "warm-up", "connections", "timeout", "seed", "thresholds", "hedge", "traced"}
_TLS = {"insecure", "cacert", "cert", "key", "resolve"}
_KINDS = {"dict": "a table", "list": "a list", "str": "a text", "int": "a whole number", "float": "a number"}
_TABLES = {"target", "source", "tenant", "name", "corpus"}


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
    tenants = _tables(data, "tenant")
    if not tenants:
        return (check_plan(_plan(_Table(data, "the plan"), folder)),)
    if len(tenants) > TENANTS_MAX:
        raise InvalidInput(f"the plan has {len(tenants)} tenants; at most {TENANTS_MAX} are possible")
    common = {name: value for name, value in data.items() if name != "tenant"}
    plans = [
        check_plan(_plan(_Table({**common, **tenant}, f"tenant {number}"), folder))
        for number, tenant in enumerate(tenants, start=1)
    ]
    names = [plan.name for plan in plans]
    if not all(names) or len(set(names)) < len(names):
        raise InvalidInput(f"the tenants are named {names}; give each a name of its own")
    return tuple(plans)


class _Table:
    """A TOML table from which values are taken with their types; a value that is left over is a mistake."""

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self._left = dict(data)
        self.where = where

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """The value, or the default if there is no value. Raises InvalidInput for one of another type."""
        if name not in self._left:
            return default
        value = self._left.pop(name)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            words = " or ".join(_KINDS.get(kind.__name__, kind.__name__) for kind in kinds)
            raise InvalidInput(f"{self.where}: {name} = {value!r} is not understood; expected {words}")
        return value

    def number(self, name: str, default: float | None = None) -> Any:
        """A number, whole or not."""
        value = self.take(name, (int, float), default)
        return None if value is None else float(value)

    def seconds(self, name: str, default: float | None = None) -> Any:
        """A duration: a text such as "30s", or a number of seconds."""
        value = self.take(name, (str, int, float))
        if value is None:
            return default
        return parse_duration(value) if isinstance(value, str) else float(value)

    def table(self, name: str) -> _Table | None:
        """A table inside."""
        value = self.take(name, dict)
        return None if value is None else _Table(value, f"{self.where}: {name}")

    def tables(self, name: str) -> list[_Table]:
        """A list of tables."""
        values = self.take(name, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise InvalidInput(f"{self.where}: {name} = {values!r} is not understood; expected tables")
        return [_Table(value, f"{self.where}: {name} {number}") for number, value in enumerate(values, start=1)]

    def tables_by_name(self, name: str) -> dict[str, _Table]:
        """A table of tables."""
        values = self.take(name, dict, {})
        if not all(isinstance(value, dict) for value in values.values()):
            raise InvalidInput(f"{self.where}: {name} = {values!r} is not understood; expected tables with names")
        return {key: _Table(value, f"{self.where}: {name} {key!r}") for key, value in values.items()}

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.take(name, list, [])
        if not all(isinstance(value, str) for value in values):
            raise InvalidInput(f"{self.where}: {name} = {values!r} is not understood; expected a list of texts")
        return tuple(values)

    def done(self, known: str) -> None:
        """Raise InvalidInput if a value was not taken."""
        if self._left:
            raise InvalidInput(
                f"{self.where} has {next(iter(self._left))!r}, which means nothing here; expected {known}"
            )


def _plan(table: _Table, folder: Path) -> Plan:
    name = table.take("name", str, "")
    if name:
        table.where = f"tenant {name!r}"
    hedge = table.table("hedge")
    sources = table.tables_by_name("source")
    targets = table.tables("target")
    opened = _open(table, folder)
    requests = table.take("requests", int)
    plan = Plan(
        name=name,
        open=opened,
        closed=_closed(table),
        targets=tuple(_target(each, folder) for each in targets),
        sources={name: _source(each, folder) for name, each in sources.items()},
        duration_s=table.seconds("for", None if requests is not None else _own_length_s(opened)),
        requests=requests,
        warm_up_s=table.seconds("warm-up", 0.0),
        connections=table.take("connections", int),
        timeout_s=table.seconds("timeout", 2.0),
        seed=table.take("seed", int, 1),
        thresholds=table.texts("thresholds"),
        hedge=None if hedge is None else _hedge(hedge),
        insecure=table.take("insecure", bool, False),
        cacert=_file_in(folder, table.take("cacert", str)),
        cert=_file_in(folder, table.take("cert", str)),
        key=_file_in(folder, table.take("key", str)),
        resolve=table.texts("resolve"),
        traced=table.take("traced", bool, True),
    )
    table.done(", ".join(sorted(_LOOP | _OTHER | _TLS | _TABLES)))
    return plan


def _file_in(folder: Path, name: str | None) -> str | None:
    return None if name is None else str(folder / name)


def _open(table: _Table, folder: Path) -> OpenLoop | None:
    rate = table.number("rate")
    spacing = _spacing(table.take("spacing", str, "even"))
    stages = table.tables("stages")
    wave = table.table("wave")
    trace = table.take("trace", str)
    if rate is None and not stages and trace is None:
        if wave is not None:
            raise InvalidInput(f"{table.where} has a wave and no rate; give the rate around which it varies")
        return None
    return OpenLoop(
        rate_per_s=rate or 0.0,
        spacing=spacing,
        stages=tuple(_stage(each) for each in stages),
        wave=None if wave is None else _wave(wave),
        trace=None if trace is None else read_trace(folder / trace),
    )


def _own_length_s(loop: OpenLoop | None) -> float:
    """The length of a loop without a given one: its stages, its trace to the last arrival, else ten seconds."""
    if loop is not None and loop.stages:
        return sum(stage.seconds for stage in loop.stages)
    if loop is not None and loop.trace:
        return loop.trace[-1] + _AFTER_LAST_S
    return DURATION_S


def _spacing(text: str) -> Spacing:
    words = {"even": Spacing.EVEN, "poisson": Spacing.POISSON}
    if text.lower() not in words:
        raise InvalidInput(f"spacing {text!r} is not known; use even or poisson")
    return words[text.lower()]


def _stage(table: _Table) -> RateStage:
    seconds, start, end = table.seconds("for"), table.number("from"), table.number("to")
    at = table.number("rate")
    table.done("for, and rate or from and to")
    if seconds is None or (at is None) == (start is None or end is None):
        raise InvalidInput(f"{table.where} is incomplete; give for, and rate or from and to")
    return RateStage(seconds=seconds, from_per_s=start if at is None else at, to_per_s=end if at is None else at)


def _wave(table: _Table) -> Wave:
    amplitude, period_s = table.number("amplitude"), table.seconds("period")
    table.done("amplitude and period")
    if amplitude is None or period_s is None:
        raise InvalidInput(f"{table.where} is incomplete; give amplitude and period")
    return Wave(amplitude_per_s=amplitude, period_s=period_s)


def _closed(table: _Table) -> ClosedLoop | None:
    users, think_s = table.take("users", int), table.seconds("think", 0.0)
    varies = table.take("think-varies", bool, True)
    ramp_up_s = table.seconds("ramp-up", 0.0)
    if users is None:
        if think_s or ramp_up_s:
            word = "think" if think_s else "ramp-up"
            raise InvalidInput(f"{table.where} has {word} and no users; an open loop does not wait")
        return None
    return ClosedLoop(users=users, think_s=think_s, think_varies=varies and think_s > 0, ramp_up_s=ramp_up_s)


def _target(table: _Table, folder: Path) -> Target:
    url = table.take("url", str)
    if url is None:
        raise InvalidInput(f"{table.where} has no url; write for example http://127.0.0.1:8000/")
    headers = table.take("headers", dict, {})
    expect = table.table("expect")
    body = table.take("body", str, "")
    body_file = table.take("body-file", str)
    form = table.take("form", dict, {})
    corpus = table.take("corpus", str)
    target = Target(
        url=url,
        name=table.take("name", str, url),
        method=table.take("method", str, "POST" if body or body_file or form else "GET").upper(),
        headers=tuple((name, str(value)) for name, value in headers.items()),
        body=body,
        body_file=None if body_file is None else str(folder / body_file),
        form=tuple(_field(name, value, table.where, folder) for name, value in form.items()),
        weight=table.number("weight", 1.0),
        expect=Expect() if expect is None else _expect(expect),
        corpus=None if corpus is None else str(folder / corpus),
    )
    table.done("url, name, method, headers, body, body-file, form, weight, expect, corpus")
    return target


def _field(name: str, value: Any, where: str, folder: Path) -> FormField:
    if isinstance(value, str):
        return FormField(name=name, value=value)
    if not isinstance(value, dict):
        raise InvalidInput(f'{where}: form field {name!r} = {value!r} is neither a text nor {{file = "photo.png"}}')
    table = _Table(value, f"{where}: form field {name!r}")
    file, kind = table.take("file", str), table.take("type", str, "")
    filename = table.take("filename", str, "")
    table.done("file, type, filename")
    if file is None:
        raise InvalidInput(f'{table.where} has no file; write such as {{file = "photo.png"}}')
    return FormField(name=name, file=str(folder / file), filename=filename or Path(file).name, type=kind)


def _expect(table: _Table) -> Expect:
    statuses = table.take("status", (int, list), [])
    statuses = [statuses] if isinstance(statuses, int) else statuses
    if not all(isinstance(status, int) for status in statuses):
        raise InvalidInput(f"{table.where}: status = {statuses!r} is not understood; use numbers such as 200")
    contains = table.take("contains", str)
    table.done("status and contains")
    return Expect(statuses=tuple(statuses), contains=contains)


def _source(table: _Table, folder: Path) -> DataSource:
    file = table.take("file", str)
    source = DataSource(
        values=table.texts("list"),
        file=None if file is None else str(folder / file),
        draw=table.take("draw", str, "uniform"),
    )
    table.done("list or file, and draw")
    return source


def _hedge(table: _Table) -> Hedge:
    after, budget = table.take("after", str, "p95"), table.take("budget", str, "5%")
    table.done("after and budget")
    return parse_hedge(f"{after},{budget}")


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


def _tables(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    tables = data.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidInput(f"{name} is {tables!r}; expected [[{name}]] tables")
    return tables
