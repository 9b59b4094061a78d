"""The audience's participants: a name and a colour for each phone, limited in number and in requests. Pure.

A phone is an address. A colour is a number of the palette, never CSS text; assets/style/palette.css has the colours.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput

COLOURS = ("red", "orange", "gold", "green", "teal", "blue", "violet", "pink")
NAME_CHARS_MAX = 20
PARTICIPANTS_MAX = 500
SHOWN_MAX = 60
ADDRESSES_MAX = 1000
_STEP = 3
"""Participants who come one after the other get colours that are far apart."""
_MARKS_MAX = 2
"""Combining marks on one letter: enough for every written script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """How one phone is drawn."""

    name: str
    colour: int


def clean_name(text: str) -> str:
    """Return the name with printable characters and single spaces only. Raises InvalidInput if it is too long.

    Invisible characters, those that turn the direction of text and piles of accents would spoil the text around the
    name."""
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if (char.isprintable() or char.isspace()) and marks <= _MARKS_MAX:
            kept.append(char)
    name = " ".join("".join(kept).split())
    if len(name) > NAME_CHARS_MAX:
        raise InvalidInput(f"the name has {len(name)} characters; the maximum is {NAME_CHARS_MAX}")
    return name


class Participants:
    """The participants by address. Beyond the maximum, the longest inactive is dropped, and still counted."""

    def __init__(self, *, own: str = "") -> None:
        """`own` is this computer's address: a page that is opened here does not count as reached."""
        self._own = own
        self._by_address: OrderedDict[str, Participant] = OrderedDict()
        self._count = 0
        self.reached = 0
        """How many have come so far over the network."""

    def at(self, address: str) -> Participant:
        """Return the participant at that address; a new one gets the next number and colour."""
        participant = self._by_address.get(address)
        if participant is None:
            participant = Participant(name=f"Guest {self._count + 1}", colour=self._count * _STEP % len(COLOURS))
            self._count += 1
            self.reached += address != self._own
        return self._keep(address, participant)

    def rename(self, address: str, *, name: str, colour: int | None) -> Participant:
        """Give the participant another name and colour; an empty name and no colour change nothing."""
        before = self.at(address)
        colour = before.colour if colour is None else colour
        return self._keep(address, Participant(name=name or before.name, colour=colour))

    def latest(self) -> list[Participant]:
        """Return those who came or searched last, newest first."""
        return list(self._by_address.values())[: -SHOWN_MAX - 1 : -1]

    def _keep(self, address: str, participant: Participant) -> Participant:
        self._by_address[address] = participant
        self._by_address.move_to_end(address)
        while len(self._by_address) > PARTICIPANTS_MAX:
            self._by_address.popitem(last=False)
        return participant


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A number of requests a second on average, and `burst` at once after a pause."""

    per_s: float
    burst: float


class TokenBucket:
    """Fills at a rate up to its burst; each request takes one token."""

    __slots__ = ("_at", "_limit", "_tokens")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._limit = limit
        self._tokens = limit.burst
        self._at = now

    def wait_s(self, now: float) -> float:
        """Return the time until there is a token; 0 if there is one."""
        self._tokens = min(self._limit.burst, self._tokens + max(0.0, now - self._at) * self._limit.per_s)
        self._at = max(self._at, now)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._limit.per_s

    def take(self) -> None:
        """Take a token, after `wait_s` returned 0."""
        self._tokens -= 1


class RateLimits:
    """A bucket for each address and one for all.

    Beyond ADDRESSES_MAX the longest inactive address is dropped. It then starts with a full bucket of its own; the
    bucket for all still limits it."""

    def __init__(self, *, each: RateLimit, all_: RateLimit, now: float) -> None:
        self._each = each
        self._all = TokenBucket(all_, now)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str, now: float) -> float:
        """Return 0 if the request is accepted, else the seconds to wait; a refused request takes no token."""
        bucket = self._buckets.pop(address, None) or TokenBucket(self._each, now)
        self._buckets[address] = bucket
        while len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        wait_s = max(bucket.wait_s(now), self._all.wait_s(now))
        if wait_s == 0:
            bucket.take()
            self._all.take()
        return wait_s
