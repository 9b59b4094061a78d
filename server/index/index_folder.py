"""The index folder: its layout, how it is read, and how it is replaced as a whole.

manifest.json        its content and its sources
documents.jsonl.gz   all documents, one on each line, sorted by id
queries.json         queries for this corpus (server.api.queries)
<S>/shard-<k>/       shard k of S, ready to be opened
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from server.api.results import Document, shard_of
from server.index.shard_index import VERSION, ShardIndex
from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.base.logs import get_logger

_MANIFEST = "manifest.json"
_DOCUMENTS = "documents.jsonl.gz"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an index folder."""

    documents: int
    digest: str
    """A hash of all documents: equal hashes mean equal answers."""
    source: str
    """A hash of the sources: while it is the same, so are the documents."""
    shards: tuple[int, ...]
    """The numbers of shards for which shards are ready to be opened."""
    library: str
    """The versions of the search library and of our use of it."""


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """An index folder, which need not exist yet."""

    path: Path

    @property
    def queries_path(self) -> Path:
        """The file of the corpus's queries."""
        return self.path / "queries.json"

    def shard_path(self, shard: int, shards: int) -> Path:
        """The folder of a shard, which need not exist."""
        return self.path / str(shards) / f"shard-{shard}"

    def manifest(self) -> Manifest:
        """Read the manifest. Raises Unavailable if this is not an index."""
        try:
            return msgspec.json.decode((self.path / _MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"{self.path} has no index; build one with python -m server index") from error

    def documents(self) -> Iterator[Document]:
        """Read all documents, in order. Raises Unavailable if they cannot be read."""
        decode = msgspec.json.Decoder(Document).decode
        try:
            with gzip.open(self.path / _DOCUMENTS) as lines:
                for line in lines:
                    yield decode(line)
        except (OSError, msgspec.DecodeError, EOFError) as error:
            raise Unavailable(f"cannot read the documents in {self.path} ({error}); build the index again") from error

    def open_shard(self, shard: int, shards: int) -> tuple[ShardIndex, str]:
        """Open a shard, for any number of shards; also returns the digest of the whole index.

        A shard that was not built in advance, or cannot be opened, is built in memory from the documents, which takes
        most of a second for the whole corpus instead of a few milliseconds. Raises Unavailable without an index."""
        manifest = self.manifest()
        if shards in manifest.shards and manifest.library == VERSION:
            try:
                return ShardIndex.open(self.shard_path(shard, shards)), manifest.digest
            except Unavailable as error:
                _log.warning("shard_open_failed", reason=str(error))
        own = (document for document in self.documents() if shard_of(document.id, shards) == shard)
        return ShardIndex.build(own), manifest.digest

    def write_documents(self, documents: Iterable[Document]) -> None:
        """Write the documents in this order; the same documents give the same bytes."""
        with (
            (self.path / _DOCUMENTS).open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        ):
            for document in documents:
                packed.write(msgspec.json.encode(document) + b"\n")

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, after everything else."""
        (self.path / _MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty folder that replaces `path` when the block succeeds; otherwise nothing changes.

    One process at a time: a second one waits. Raises InvalidInput if the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = (path.parent / f".{path.name}.lock").open("w")
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}; choose another folder with --out") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as private:
            made = Path(private, "new")
            made.mkdir()
            yield made
            if path.exists():
                path.rename(Path(private, "old"))
            made.rename(path)


def refuse_foreign(path: Path) -> None:
    """Raises InvalidInput if the folder holds anything but an index, so that no user's files are replaced."""
    if path.exists() and not (path.is_dir() and ((path / _MANIFEST).is_file() or not any(path.iterdir()))):
        raise InvalidInput(f"{path} exists and is not an index; choose a new folder, an empty one or an older index")


def size_of(path: Path) -> int:
    """The total size of the files in a folder, in bytes."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


_log = get_logger("leaf")
