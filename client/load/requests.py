"""Prepared requests: bytes made before the run, into which only a fresh trace id is written, and what a good answer is.

Which request an arrival sends depends on its number alone, so that a run can be repeated and split.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote_plus

from client.load.exchange import phrase_of
from client.load.plan.origin import Origin, parse_url
from client.load.plan.sources import drawer, fill, read_sources, words_in
from client.load.plan.words import Expect, Plan, Target
from client.load.summary import Fault
from server.api.queries import draw
from server.api.queries import load as load_queries
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import Response, build_request

_PLACEHOLDER = "0" * 48
_TOTAL = re.compile(rb'"total":\s*(\d+)')
_PARTIAL = re.compile(rb'"partial":\s*true')
ANYTHING_GOOD = Expect()
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods whose requests may be sent twice (RFC 9110 section 9.2.2)."""
DRAWS = 1 << 14
"""So many requests are drawn before the run; then they come round again."""


class Prepared:
    """One request as bytes and what a right answer to it is. `target` is the number of its target in the plan, `server`
    that of its origin among those of all requests. `easy`: any answer below 400 is right; `idempotent`: it may be sent
    a second time."""

    __slots__ = (
        "_after", "_before", "_contains", "_statuses", "_total", "easy", "head", "idempotent", "label", "origin", "raw",
        "server", "target",
    )  # fmt: skip

    def __init__(
        self, raw: bytes, *, origin: Origin, target: int, label: str, expect: Expect = ANYTHING_GOOD,
        total: int | None = None, method: str = "GET",
    ) -> None:  # fmt: skip
        self.raw = raw
        self.origin = origin
        self.target = target
        self.label = label
        self.head = method == "HEAD"
        self.idempotent = method in _IDEMPOTENT
        self.server = 0
        self.easy = not expect.statuses and expect.contains is None and total is None
        self._statuses = frozenset(expect.statuses)
        self._contains = None if expect.contains is None else expect.contains.encode()
        self._total = total
        self._before, trace, rest = raw.partition(b"\r\ntraceparent: 00-" + _PLACEHOLDER[:32].encode() + b"-")
        self._before += trace[: -len(_PLACEHOLDER[:32]) - 1]
        self._after = rest[16:]

    def with_trace(self, trace_hex: bytes) -> bytes:
        """The bytes to send; `trace_hex` is 32 digits of trace id and 16 of span id."""
        return self._before + trace_hex[:32] + b"-" + trace_hex[32:] + self._after

    def fault(self, response: Response) -> str:
        """What is wrong with the answer; empty if nothing."""
        status = response.status
        if self._statuses:
            if status not in self._statuses:
                return class_of(status) or Fault.WRONG
        elif status >= 400:
            return class_of(status)
        if self._contains is not None and self._contains not in response.body:
            return Fault.WRONG
        return "" if self._total is None else self._fault_in_result(response.body)

    def why(self, response: Response, fault: str) -> str:
        """What is wrong with an answer of that fault, in words."""
        status = f"status {response.status} {phrase_of(response.status)}".rstrip()
        if self._statuses and response.status not in self._statuses:
            return f"{status}; the plan expects {' or '.join(map(str, sorted(self._statuses)))}"
        if fault == Fault.PARTIAL:
            return "the response says that it is partial"
        if fault != Fault.WRONG:
            return status
        if self._contains is not None and self._contains not in response.body:
            return f"the body does not contain {self._contains.decode()!r}"
        total = _TOTAL.search(response.body)
        return f"the total is {int(total[1]) if total else 'missing'}; the corpus has {self._total}"

    def _fault_in_result(self, body: bytes) -> str:
        # A quote inside a JSON string is escaped, so these keys cannot be found within a text; parsing each answer in
        # full would cost more than all the rest of a request.
        if _PARTIAL.search(body):
            return Fault.PARTIAL
        total = _TOTAL.search(body)
        return "" if total and int(total[1]) == self._total else Fault.WRONG


def class_of(status: int) -> str:
    """The fault of an answer with such a status where nothing else is expected; empty for a good one."""
    if status >= 500:
        return Fault.SERVER_ERROR
    return Fault.CLIENT_ERROR if status >= 400 else ""


class Requests:
    """The requests drawn beforehand; the arrival's number says which. `easy`: nobody looks into the answers' bodies."""

    def __init__(self, drawn: Sequence[Prepared]) -> None:
        self.drawn = drawn
        self.origins = tuple(dict.fromkeys(each.origin for each in drawn))
        for each in drawn:
            each.server = self.origins.index(each.origin)
        self.easy = all(each.easy and not each.head for each in drawn)

    def pick(self, number: int) -> Prepared:
        """The request of that arrival."""
        return self.drawn[number % len(self.drawn)]


def prepare(plan: Plan) -> Requests:
    """All that the plan can send, drawn with its seed. Raises InvalidInput for what cannot be sent or read."""
    rng = random.Random(f"requests {plan.seed}")
    makers = [_Maker(plan, number, target, rng) for number, target in enumerate(plan.targets)]
    if all(maker.fixed for maker in makers) and len(makers) == 1:
        return Requests([makers[0].draw()])
    weights = [target.weight for target in plan.targets]
    return Requests([maker.draw() for maker in rng.choices(makers, weights, k=DRAWS)])


class _Maker:
    """Draws the requests of one target; the same words give the same object."""

    def __init__(self, plan: Plan, number: int, target: Target, rng: random.Random) -> None:
        self._plan, self._number, self._target, self._rng = plan, number, target, rng
        self._made: dict[tuple[str, ...], Prepared] = {}
        texts = (target.url, target.body, *(value for _, value in target.headers))
        found = read_sources({name: source for name, source in (plan.sources or {}).items() if _used(name, texts)})
        self._words = {name: drawer(source, values, rng) for name, (source, values) in found.items()}
        missing = [word for word in words_in(target.url) if word not in self._words]
        if missing:
            raise InvalidInput(f"URL {target.url!r} has the word {{{missing[0]}}}; expected a source of that name")
        self._queries = None
        if target.corpus is not None:
            corpus = load_queries(Path(target.corpus))
            self._queries = iter(draw(corpus, seed=plan.seed, count=DRAWS))
        self.fixed = not self._words and self._queries is None

    def draw(self) -> Prepared:
        """The next request of this target."""
        if self._queries is not None:
            return self._search()
        values = {name: each() for name, each in self._words.items()}
        key = tuple(values.values())
        made = self._made.get(key)
        if made is None:
            url = fill(self._target.url, values, quoted=True)
            origin, resource = parse_url(url)
            made = self._made[key] = self._prepare(origin, resource, " ".join(key) or resource, values)
        return made

    def _search(self) -> Prepared:
        assert self._queries is not None
        query = next(self._queries)
        made = self._made.get((query.query,))
        if made is None:
            origin, resource = parse_url(self._target.url)
            page = resource.partition("?")[0]
            page = "/search" if page == "/" else page
            asked = f"{page}?q={quote_plus(query.query)}&format=json"
            made = self._made[(query.query,)] = self._prepare(origin, asked, query.query, {}, total=query.total)
        return made

    def _prepare(
        self, origin: Origin, resource: str, label: str, values: dict[str, str], total: int | None = None
    ) -> Prepared:
        target = self._target
        headers = [(name, fill(value, values)) for name, value in target.headers]
        own = {name.lower() for name, _ in headers}
        usual = [("Host", origin.authority), ("User-Agent", "glasscloud-load"), ("Accept", "*/*")]
        lines = [(name, value) for name, value in usual if name.lower() not in own]
        if self._plan.traced:
            lines.append(("traceparent", f"00-{_PLACEHOLDER[:32]}-{_PLACEHOLDER[32:]}-00"))
            headers = [(name, value) for name, value in headers if name.lower() != "traceparent"]
        try:
            raw = build_request(target.method, resource, [*lines, *headers], fill(target.body, values).encode())
        except (ValueError, UnicodeEncodeError) as error:
            raise InvalidInput(f"the request for {label} cannot be sent: {error}") from error
        return Prepared(
            raw, origin=origin, target=self._number, label=label, expect=target.expect, total=total,
            method=target.method,
        )  # fmt: skip


def _used(name: str, texts: Sequence[str]) -> bool:
    return any(name in words_in(text) for text in texts)
