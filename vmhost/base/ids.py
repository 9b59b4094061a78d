"""Ids in EC2's shape: a prefix and 17 hexadecimal digits."""

from __future__ import annotations

import random
import secrets
from typing import Protocol


class Ids(Protocol):
    """A source of ids; injected so that tests and replays can repeat them."""

    def new(self, prefix: str) -> str:
        """A fresh id such as "i-0a1b2c3d4e5f60718" for the prefix "i"."""


class RandomIds:
    """Ids that nobody can guess or meet twice."""

    def new(self, prefix: str) -> str:
        return f"{prefix}-0{secrets.token_hex(8)}"


class SeededIds:
    """The same ids in the same order for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        return f"{prefix}-0{self._random.getrandbits(64):016x}"
