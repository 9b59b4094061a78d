"""Opens one shard of an index folder, for any number of shards."""

from __future__ import annotations

from pathlib import Path

from server.api.results import shard_of
from server.index.index_folder import IndexFolder
from server.index.shard_index import VERSION, ShardIndex
from vmhost.base.errors import Unavailable
from vmhost.base.logs import get_logger

_log = get_logger("leaf")


def open_shard(path: Path, shard: int, shards: int) -> tuple[ShardIndex, str]:
    """Open the shard; also returns the digest of the whole index.

    A shard that was not built in advance, or cannot be opened, is built in memory from the folder's documents, which
    takes most of a second for the whole corpus instead of a few milliseconds. Raises Unavailable without an index."""
    folder = IndexFolder(path)
    manifest = folder.manifest()
    if shards in manifest.shards and manifest.library == VERSION:
        try:
            return ShardIndex.open(folder.shard_path(shard, shards)), manifest.digest
        except Unavailable as error:
            _log.warning("shard_open_failed", reason=str(error))
    own = (document for document in folder.documents() if shard_of(document.id, shards) == shard)
    return ShardIndex.build(own), manifest.digest
