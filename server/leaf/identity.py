"""The shard that this leaf serves, as the user data of its instance says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from server.api.queries import index_folder
from vmhost.api.guest_metadata import GuestMetadata
from vmhost.base.clock import Clock
from vmhost.base.errors import InvalidInput, Unavailable

_WAIT_S = 20.0
_TRY_S = 1.0
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The instance that this leaf runs in, and the shard that it serves."""

    instance_id: str
    shard: int
    shards: int
    index: Path
    """The index folder."""


async def read_metadata(clock: Clock) -> Identity:
    """Read the identity from the instance metadata. Tries for 20 s, because the instance's network may not be up yet.

    Raises Unavailable if the metadata service does not answer, InvalidInput if the user data is not for a leaf."""
    metadata = GuestMetadata(deadline_s=_TRY_S)
    give_up = clock.monotonic() + _WAIT_S
    while True:
        try:
            return identity_of(await metadata.get("instance-id"), await metadata.user_data())
        except Unavailable:
            if clock.monotonic() >= give_up:
                raise
        await clock.sleep(_PAUSE_S)


class UserData(msgspec.Struct):
    """The user data of a leaf's instance, such as {"shard": 0, "shards": 2, "index": "/folder"}."""

    shard: int
    shards: int
    index: str | None = None


def identity_of(instance_id: str, user_data: bytes) -> Identity:
    """The identity that the user data gives. Raises InvalidInput."""
    try:
        data = msgspec.json.decode(user_data, type=UserData)
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"the user data {user_data[:80]!r} is not for a leaf ({error}); it must be JSON with shard and shards"
        ) from error
    if not 0 <= data.shard < data.shards:
        raise InvalidInput(f"shard {data.shard} of {data.shards} is invalid; shards are numbered from 0")
    index = Path(data.index) if data.index else index_folder()
    return Identity(instance_id=instance_id, shard=data.shard, shards=data.shards, index=index)
