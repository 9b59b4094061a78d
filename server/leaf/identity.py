"""Which shard this leaf is: told by the user data of the instance that it runs in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from server.api.queries import index_folder
from vmhost.api.metadata import GuestMetadata
from vmhost.base.clock import Clock
from vmhost.base.errors import InvalidInput, Unavailable

_PATIENCE_S = 20.0
_TRY_S = 1.0
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this leaf is."""

    instance_id: str
    shard: int
    shards: int
    index: Path
    """The index folder."""


async def ask_metadata(clock: Clock) -> Identity:
    """Who the instance says that we are. Its network may still be on its way, so it is asked for 20 s.

    Raises Unavailable when nobody answers, InvalidInput when the user data is not for a leaf."""
    metadata = GuestMetadata(deadline_s=_TRY_S)
    give_up = clock.monotonic() + _PATIENCE_S
    while True:
        try:
            return identity_of(await metadata.get("instance-id"), await metadata.user_data())
        except Unavailable:
            if clock.monotonic() >= give_up:
                raise
        await clock.sleep(_PAUSE_S)


def identity_of(instance_id: str, user_data: bytes) -> Identity:
    """The identity that user data such as {"shard": 0, "shards": 2, "index": "/folder"} gives. Raises InvalidInput."""
    try:
        told = json.loads(user_data)
        shard, shards, index = told["shard"], told["shards"], told.get("index")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"the user data {user_data[:80]!r} is not for a leaf; expected JSON with shard and shards"
        ) from error
    if type(shard) is not int or type(shards) is not int or not 0 <= shard < shards:
        raise InvalidInput(f"shard {shard!r} of {shards!r} is not possible; expected 0 <= shard < shards")
    if index is not None and not isinstance(index, str):
        raise InvalidInput(f"the index {index!r} is not possible; expected the path of a folder")
    return Identity(instance_id=instance_id, shard=shard, shards=shards, index=Path(index) if index else index_folder())
