"""The leaf as a program: reads from its instance's user data which shard it serves, opens the shard, serves."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

import msgspec

from server.api.queries import index_folder
from server.index.index_folder import IndexFolder
from server.leaf.leaf_app import Identity, Leaf
from vmhost.api.guest_metadata import GuestMetadata
from vmhost.base import gc_tuning
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, serve, write_ready

EXAMPLES = """\
  python -m server leaf                      in an instance
  PORT=8081 python -m server leaf --shard 0  without an instance: a shard
"""
_WAIT_S = 20.0
_TRY_S = 1.0
_PAUSE_S = 0.02
_log = get_logger("leaf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the leaf's options; inside an instance none is needed."""
    parser.add_argument("--shard", type=int, metavar="K", help="serve this shard; do not read the instance metadata")
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="number of shards (default 2)")
    parser.add_argument("--index", type=Path, default=index_folder(), metavar="DIR", help="the index folder")
    parser.add_argument("--ready", type=Path, metavar="FILE", help="write this file once the leaf serves")


async def run(args: argparse.Namespace) -> None:
    """Serve on HOST and PORT of the environment until cancelled, then finish the requests in flight.

    Raises CloudErrors if it cannot start."""
    clock = SystemClock()
    identity = await _identity(args, clock)
    shard, digest = IndexFolder(identity.index).open_shard(identity.shard, identity.shards)
    app = Leaf(identity, shard, digest, clock.monotonic).app()
    gc_tuning.freeze_existing()
    sock = listen(os.environ.get("HOST", "127.0.0.1"), _port())
    async with serve(app, sock) as url:
        write_ready(args.ready, url=url)
        _log.info("serving", url=url, shard=identity.shard, shards=identity.shards, documents=shard.documents)
        await asyncio.get_running_loop().create_future()


async def _identity(args: argparse.Namespace, clock: Clock) -> Identity:
    if args.shard is None:
        return await read_metadata(clock)
    if not 0 <= args.shard < args.shards:
        raise InvalidInput(f"--shard {args.shard} is out of range (0 to {args.shards - 1})")
    return Identity(instance_id="i-none", shard=args.shard, shards=args.shards, index=args.index)


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


def _port() -> int:
    text = os.environ.get("PORT", "8080")
    if not text.isdecimal() or int(text) > 65535:
        raise InvalidInput(f"PORT {text!r} is invalid; use a number from 0 to 65535")
    return int(text)
