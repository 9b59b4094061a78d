"""Makes a plan's requests: before the run, or when they are due if each row of data is used in turn.

Which request an arrival sends depends on its number alone, so that a run can be repeated and split.
"""

from __future__ import annotations

import mimetypes
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import overload
from urllib.parse import quote_plus

from client.load.plan.model import FormField, Plan, Target
from client.load.plan.placeholders import Row, SourceRows, drawer, fill, read_bytes, read_rows, sources_in, variables_in
from client.load.plan.urls import Origin, parse_url
from client.load.requests import TRACE_PLACE, PreparedRequest, RequestSequence
from server.api.queries import draw
from server.api.queries import load as load_queries
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import build_request

DRAWS = 1 << 14
"""This number of requests is drawn before the run; after the last one the first comes again."""
_ENDLESS = 1 << 62


def prepare_requests(plan: Plan, variables: Mapping[str, str] | None = None) -> RequestSequence:
    """All that the plan can send, drawn with its seed; `variables` are the environment's, by name.

    Raises InvalidInput for what cannot be sent or read."""
    rng = random.Random(f"requests {plan.seed}")
    makers = [_Maker(plan, number, target, rng, variables or {}) for number, target in enumerate(plan.targets)]
    if all(maker.fixed for maker in makers) and len(makers) == 1:
        return RequestSequence([makers[0].draw()])
    weights = [target.weight for target in plan.targets]
    chosen = rng.choices(range(len(makers)), weights, k=DRAWS)
    if any(maker.by_number for maker in makers):
        return _by_number(makers, chosen, plan.seed)
    only = makers[0] if len(makers) == 1 else None
    if only is not None and (turn := only.turn) is not None:
        # As long as its data, so that each row comes as often as the others.
        return RequestSequence([only.draw() for _ in range(turn)])
    return RequestSequence([makers[number].draw() for number in chosen])


class _Maker:
    """Makes the requests of one target; the same values give the same object."""

    def __init__(
        self, plan: Plan, number: int, target: Target, rng: random.Random, variables: Mapping[str, str]
    ) -> None:
        self._plan, self._number, self._target, self._variables = plan, number, target, variables
        self._made: dict[tuple[str, ...], PreparedRequest] = {}
        places = [place for text in target.texts for place in sources_in(text)]
        self.rows = read_rows(plan.sources or {}, places)
        self._drawers = [(each.places, drawer(each, rng)) for each in self.rows]
        self._check_places(places)
        self._file = None if target.body_file is None else read_bytes(target.body_file, "the body")
        self._queries = None
        if target.corpus is not None:
            corpus = load_queries(Path(target.corpus))
            self._queries = iter(draw(corpus, seed=plan.seed, count=DRAWS))
        self.fixed = not self.rows and self._queries is None

    @property
    def by_number(self) -> bool:
        """Whether each request is made for its number, because there are more rows than can be drawn before the run."""
        return any(each.once or (each.source.draw == "in turn" and len(each.rows) > DRAWS) for each in self.rows)

    @property
    def searches(self) -> bool:
        """Whether its words come from a search corpus."""
        return self._queries is not None

    @property
    def turn(self) -> int | None:
        """How many requests its data makes where it has one source that is used in turn."""
        if len(self.rows) == 1 and self.rows[0].source.draw == "in turn":
            return len(self.rows[0].rows)
        return None

    @property
    def origin(self) -> Origin:
        """Its server. Raises InvalidInput where that depends on a source."""
        url = self._target.url
        authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
        if sources_in(authority):
            raise InvalidInput(f"URL {url!r} takes its host from a source that is used row by row; write the host")
        return self._parsed({})[0]

    @property
    def easy(self) -> bool:
        """Whether any answer below 400 is right."""
        expect = self._target.expect
        return not expect.statuses and expect.contains is None and self._target.method != "HEAD"

    def draw(self) -> PreparedRequest:
        """The next request of this target."""
        if self._queries is not None:
            return self._search()
        values: dict[str, str] = {}
        for places, each in self._drawers:
            values.update(zip(places, each(), strict=True))
        key = tuple(values.values())
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self.make(values)
        return made

    def make(self, values: Mapping[str, str]) -> PreparedRequest:
        """The request with these values."""
        origin, resource = self._parsed(values)
        shown = self._target.url if variables_in(self._target.url) else resource
        return self._prepare(origin, resource, " ".join(values.values()) or shown, values)

    def _check_places(self, places: Sequence[str]) -> None:
        known = {place for rows in self.rows for place in rows.places}
        missing = [place for place in places if place not in known]
        if missing:
            raise InvalidInput(f"URL {self._target.url!r}: the placeholder {{{missing[0]}}} has no source")
        in_headers = {place for _, value in self._target.headers for place in sources_in(value)}
        for rows in self.rows:
            for number, place in enumerate(rows.places):
                if place in in_headers and any(char in row[number] for row in rows.rows for char in "\r\n\0"):
                    raise InvalidInput(f"a value of {{{place}}} has a line break, and a header cannot be sent with one")

    def _parsed(self, values: Mapping[str, str]) -> tuple[Origin, str]:
        url = self._target.url
        try:
            return parse_url(fill(url, values, self._variables, quoted=True))
        except InvalidInput:
            if not variables_in(url):
                raise
            # The error has the values in it, which must not be shown.
            raise InvalidInput(f"URL {url!r} is not understood once its environment variables are filled in") from None

    def _search(self) -> PreparedRequest:
        assert self._queries is not None
        query = next(self._queries)
        made = self._made.get((query.query,))
        if made is None:
            origin, resource = self._parsed({})
            page = resource.partition("?")[0]
            page = "/search" if page == "/" else page
            asked = f"{page}?q={quote_plus(query.query)}&format=json"
            made = self._made[(query.query,)] = self._prepare(origin, asked, query.query, {}, total=query.total)
        return made

    def _prepare(
        self, origin: Origin, resource: str, label: str, values: Mapping[str, str], total: int | None = None
    ) -> PreparedRequest:
        target = self._target

        def filled(text: str) -> str:
            return fill(text, values, self._variables)

        headers = [(name, filled(value)) for name, value in target.headers]
        own = {name.lower() for name, _ in headers}
        usual = [("Host", origin.authority), ("User-Agent", "glasscloud-load"), ("Accept", "*/*")]
        body = filled(target.body).encode() if self._file is None else self._file
        if target.form:
            kind, body = multipart(target.form, filled)
            usual.append(("Content-Type", kind))
        lines = [(name, value) for name, value in usual if name.lower() not in own]
        if self._plan.traced:
            lines.append(("traceparent", f"00-{TRACE_PLACE[:32]}-{TRACE_PLACE[32:]}-00"))
            headers = [(name, value) for name, value in headers if name.lower() != "traceparent"]
        try:
            # Header values are sent as UTF-8; the request is made of one character for each byte.
            raw_headers = [(name, value.encode().decode("latin-1")) for name, value in [*lines, *headers]]
            raw = build_request(target.method, resource, raw_headers, body)
        except (ValueError, UnicodeEncodeError) as error:
            raise InvalidInput(f"the request for {label} cannot be sent: {error}") from error
        return PreparedRequest(
            raw, origin=origin, target=self._number, label=label, expect=target.expect, total=total,
            method=target.method,
        )  # fmt: skip


# Made when they are due


def _by_number(makers: Sequence[_Maker], chosen: Sequence[int], seed: int) -> RequestSequence:
    if any(maker.searches for maker in makers):
        raise InvalidInput("a target with a corpus does not go with a source that is used row by row; use two tenants")
    origins = tuple(dict.fromkeys(maker.origin for maker in makers))
    made = _ByNumber(makers, chosen, origins, seed)
    count, used_up = made.end
    easy = all(maker.easy for maker in makers)
    return RequestSequence(made, origins=origins, easy=easy, count=count, used_up=used_up)


class _ByNumber(Sequence[PreparedRequest]):
    """Requests by number, each made when it is asked for.

    Of a source that is used row by row, the n-th request that has it takes its n-th row, whatever its target."""

    def __init__(self, makers: Sequence[_Maker], chosen: Sequence[int], origins: Sequence[Origin], seed: int) -> None:
        self._makers, self._chosen, self._seed = makers, chosen, seed
        self._servers = [origins.index(maker.origin) for maker in makers]
        names = {
            _name(rows): rows for maker in makers for rows in maker.rows if rows.once or rows.source.draw == "in turn"
        }
        self._rows = names
        # For each such source, how many of the chosen targets before each place use it.
        self._before = {
            name: [0, *accumulate(name in map(_name, makers[number].rows) for number in chosen)] for name in names
        }

    @property
    def end(self) -> tuple[int | None, str]:
        """How many requests there are before a source has no row left, and its name; None where none ends."""
        ends = [(self._place_of(name, len(rows.rows)), name) for name, rows in self._rows.items() if rows.once]
        return min(ends) if ends else (None, "")

    def __len__(self) -> int:
        return _ENDLESS

    @overload
    def __getitem__(self, number: int) -> PreparedRequest: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[PreparedRequest]: ...
    def __getitem__(self, number: int | slice) -> PreparedRequest | Sequence[PreparedRequest]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(_ENDLESS))]
        choice = self._chosen[number % DRAWS]
        values: dict[str, str] = {}
        for rows in self._makers[choice].rows:
            values.update(zip(rows.places, self._row(rows, number), strict=True))
        made = self._makers[choice].make(values)
        made.server = self._servers[choice]
        return made

    def _row(self, rows: SourceRows, number: int) -> Row:
        name = _name(rows)
        if name not in self._before:
            return drawer(rows, random.Random(f"{self._seed} {name} {number}"))()
        before = self._before[name]
        rank = number // DRAWS * before[-1] + before[number % DRAWS]
        return rows.rows[rank % len(rows.rows)]

    def _place_of(self, name: str, rank: int) -> int:
        """The number of the request that would take the row of that rank."""
        before = self._before[name]
        if not before[-1]:
            return _ENDLESS
        rounds, rest = divmod(rank, before[-1])
        return rounds * DRAWS + bisect_left(before, rest + 1) - 1


def _name(rows: SourceRows) -> str:
    return rows.places[0].partition(".")[0]


_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart(fields: Sequence[FormField], filled: Callable[[str], str]) -> tuple[str, bytes]:
    """The Content-Type and the body; `filled` fills the placeholders of a field's text. Files are sent as they are.

    Raises InvalidInput for a file that cannot be read."""
    parts = [(_head(field), _content(field, filled)) for field in fields]
    boundary = _boundary([content for _, content in parts])
    lines = [b"--%b\r\n%b\r\n%b\r\n" % (boundary, head, content) for head, content in parts]
    return f"multipart/form-data; boundary={boundary.decode()}", b"".join(lines) + b"--%b--\r\n" % boundary


def _head(field: FormField) -> bytes:
    disposition = f'form-data; name="{field.name.translate(_QUOTED)}"'
    kind = field.type
    if field.file is not None:
        disposition += f'; filename="{field.filename.translate(_QUOTED)}"'
        kind = kind or mimetypes.guess_type(field.filename)[0] or "application/octet-stream"
    return f"Content-Disposition: {disposition}\r\n{f'Content-Type: {kind}' if kind else ''}".strip().encode() + b"\r\n"


def _content(field: FormField, filled: Callable[[str], str]) -> bytes:
    return filled(field.value).encode() if field.file is None else read_bytes(field.file, f"form field {field.name!r}")


def _boundary(contents: Sequence[bytes]) -> bytes:
    """A line that is in none of the contents, the same for the same contents, so that a run can be repeated."""
    number = 0
    while True:
        boundary = b"glasscloud-" + sha256(b"%d" % number + b"".join(contents)).hexdigest()[:24].encode()
        if not any(boundary in content for content in contents):
            return boundary
        number += 1
