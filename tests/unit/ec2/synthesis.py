"""Values for any botocore shape, deterministic by seed: lists with two elements, structures with every member."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape

_TEXTS = ("i-0a12", "a b&c<d>", "ü—漢", "100%+1=2", "\ttab\nline\rreturn ]]>", '"quoted"')


def synthesise(shape: Shape, rng: random.Random) -> Any:
    """A value that the shape admits."""
    kind = shape.type_name
    if kind == "structure":
        return {name: synthesise(member, rng) for name, member in shape.members.items()}
    if kind == "list":
        return [synthesise(shape.member, rng) for _ in range(2)]
    return _SCALARS[kind](rng)


_SCALARS: dict[str, Any] = {
    "string": lambda rng: rng.choice(_TEXTS),
    "integer": lambda rng: rng.randint(-(2**31), 2**31 - 1),
    "long": lambda rng: rng.randint(-(2**63), 2**63 - 1),
    "double": lambda rng: rng.choice((0.5, -3.25, 1e21, 7.0)),
    "float": lambda rng: rng.choice((0.5, -3.25, 1e21, 7.0)),
    "boolean": lambda rng: rng.random() < 0.5,
    "timestamp": lambda rng: datetime.fromtimestamp(rng.randint(1_000_000_000, 2_000_000_000), UTC),
    "blob": lambda rng: rng.randbytes(9),
}
