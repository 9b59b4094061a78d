"""Opening one shard of an index folder, whatever shard count the folder was made for."""

from __future__ import annotations

from pathlib import Path

from server.api.results import shard_of
from server.corpus.store import IndexFolder
from server.leaf.index import VERSION, Shard
from vmhost.base.errors import Unavailable
from vmhost.base.logs import get_logger

_log = get_logger("leaf")


def open_shard(path: Path, shard: int, shards: int) -> tuple[Shard, str]:
    """The shard and the digest of the whole index.

    A shard that was not made beforehand, or cannot be opened, is made in memory from the folder's documents: for
    the whole corpus most of a second instead of some milliseconds. Raises Unavailable where there is no index."""
    folder = IndexFolder(path)
    manifest = folder.manifest()
    if shards in manifest.shards and manifest.library == VERSION:
        try:
            return Shard.open(folder.shard_path(shard, shards)), manifest.digest
        except Unavailable as error:
            _log.warning("shard_made_in_memory", reason=str(error))
    own = (document for document in folder.documents() if shard_of(document.id, shards) == shard)
    return Shard.build(own), manifest.digest
