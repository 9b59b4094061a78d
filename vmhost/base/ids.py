"""Ids in EC2's shape: a prefix and 17 hexadecimal digits."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Protocol

_SHORT_DIGITS = 4


class Ids(Protocol):
    """A source of ids; injected so that tests and replays can repeat them."""

    def new(self, prefix: str) -> str:
        """Return a new id such as "i-0a1b2c3d4e5f60718" for the prefix "i"."""


class RandomIds:
    """Random ids that cannot be guessed and do not repeat."""

    def new(self, prefix: str) -> str:
        return f"{prefix}-0{secrets.token_hex(8)}"


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Shorten instance ids to four hexadecimal digits, or to the fewest that keep them distinct."""
    whole = list(dict.fromkeys(ids))
    for length in range(len("i-") + _SHORT_DIGITS, max((len(each) for each in whole), default=0)):
        shorts = {each: each[:length] for each in whole}
        if len(set(shorts.values())) == len(shorts):
            return shorts
    return {each: each for each in whole}
