"""One run of a script's flow, from the instant at which it was due until it is counted, and the steps that it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from client.load.http_text import request_text, response_text
from client.load.interval_stats import GOOD, IntervalStats


@dataclass(slots=True, eq=False)
class StepExchange:
    """One step's request and, where it came, its response. Its text is made only where it is shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    settings: Mapping[str, Any]
    cookies: aiohttp.abc.AbstractCookieJar
    answer: aiohttp.ClientResponse | None = None
    body: bytes = b""

    @property
    def request(self) -> str:
        """The request; after redirects the last one."""
        if self.answer is None:
            return self._unanswered()
        info = self.answer.request_info
        # Only the first request is sure to have had the body: most redirects are followed by a GET without one.
        body = b"" if self.answer.history else self._sent()
        return request_text(info.method, str(info.url), info.headers.items(), body)

    @property
    def response(self) -> str:
        """The response; empty where none came."""
        if self.answer is None:
            return ""
        # aiohttp has decompressed the body already.
        headers = [(name, value) for name, value in self.answer.headers.items() if name.lower() != "content-encoding"]
        return response_text(self.answer.status, headers, self.body)

    @property
    def redirects(self) -> int:
        """How many redirects were followed."""
        return 0 if self.answer is None else len(self.answer.history)

    def _unanswered(self) -> str:
        try:
            url = URL(self.url).update_query(self.settings.get("params") or {})
        except (TypeError, ValueError):
            # What cannot be sent can still be shown.
            return request_text(self.method, self.url, self.headers.items(), b"")
        cookies = "; ".join(f"{name}=" for name in self.cookies.filter_cookies(url))
        headers = [*self.headers.items(), *([("Cookie", cookies)] if cookies else [])]
        return request_text(self.method, str(url), headers, self._sent())

    def _sent(self) -> bytes:
        data, values = self.settings.get("data"), self.settings.get("json")
        match data:
            case bytes():
                return data
            case str():
                return data.encode()
            case None:
                return b"" if values is None else json.dumps(values, default=str).encode()  # noqa: TID251  a script may give anything
            case Mapping() | list() | tuple():
                try:
                    return urlencode(data).encode()
                except (TypeError, ValueError):
                    pass
        return f"({type(data).__name__})".encode()


@dataclass(slots=True, eq=False)
class Flow:
    """`taken_ns` is when it was started by the schedule, `admitted_ns` when there was room for it, `began_ns` when its
    script began.

    `status` is that of its last response, 0 if the last step got none; `fault` that of the first response that was not
    expected; `last` its last request with its response. `given_up`: it was cancelled because the run is over. `over`:
    it is counted, or left out. `uncounted`: it is not an arrival, but a user's `on_start`."""

    number: int
    stats: IntervalStats
    due_ns: int
    taken_ns: int
    admitted_ns: int = field(init=False)
    began_ns: int = 0
    status: int = 0
    fault: str = GOOD
    last: StepExchange | None = None
    given_up: bool = False
    over: bool = False
    uncounted: bool = False

    def __post_init__(self) -> None:
        self.admitted_ns = self.taken_ns

    def leave_out(self) -> None:
        """Do not count it, nor its further steps: the computer stood still while it was under way."""
        if self.over:
            return
        self.over = True
        if self.uncounted:
            self.stats.pending -= 1
        else:
            self.stats.discard(sent=bool(self.began_ns))
