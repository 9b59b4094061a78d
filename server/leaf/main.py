"""The leaf as a program: reads its identity, opens its shard, serves."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from server.api.queries import index_folder
from server.leaf.identity import Identity, read_metadata
from vmhost.base import gc_tuning
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import InvalidInput
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, serve, write_ready

EXAMPLES = """\
  python -m server leaf                         inside an instance: its user data names the shard
  PORT=8081 python -m server leaf --shard 0     a shard of the default index, without an instance
"""
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
    # Imported only now: it takes a moment, in which the metadata service can come up.
    from server.index.open_shard import open_shard
    from server.leaf.leaf_app import Leaf

    shard, digest = open_shard(identity.index, identity.shard, identity.shards)
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


def _port() -> int:
    text = os.environ.get("PORT", "8080")
    if not text.isdecimal() or int(text) > 65535:
        raise InvalidInput(f"PORT {text!r} is invalid; use a number from 0 to 65535")
    return int(text)
