"""The index folder: what is where in it, reading it, and replacing it whole.

manifest.json        what it holds and what it was made from
documents.jsonl.gz   every document, one a line, sorted by id
queries.json         what people ask this corpus (server.api.queries)
<S>/shard-<k>/       shard k of S, ready to be opened
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.api.results import Document
from vmhost.base.errors import InvalidInput, Unavailable

_MANIFEST = "manifest.json"
_DOCUMENTS = "documents.jsonl.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index folder holds."""

    documents: int
    digest: str
    """Of all documents: equal digests, equal answers."""
    source: str
    """Of what the documents were made from: while it stays, so do they."""
    shards: tuple[int, ...]
    """For these shard counts there are shards ready to be opened."""
    library: str
    """The version of the search library, and of our use of it, that made them."""

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """The manifest of the file's JSON. Raises ValueError for anything else."""
        try:
            return cls(**{**data, "shards": tuple(data["shards"])})
        except (TypeError, KeyError) as error:
            raise ValueError("no manifest of an index") from error


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """One index folder, which need not exist yet."""

    path: Path

    @property
    def queries_path(self) -> Path:
        """The file of the corpus's queries."""
        return self.path / "queries.json"

    def shard_path(self, shard: int, shards: int) -> Path:
        """Where a shard is, or would be."""
        return self.path / str(shards) / f"shard-{shard}"

    def manifest(self) -> Manifest:
        """What is there. Raises Unavailable when it is no index."""
        try:
            return Manifest.from_json(json.loads((self.path / _MANIFEST).read_bytes()))
        except (OSError, ValueError) as error:
            raise Unavailable(f"{self.path} holds no index; make one with python -m server index") from error

    def documents(self) -> Iterator[Document]:
        """All documents, in order. Raises Unavailable when they cannot be read."""
        try:
            with gzip.open(self.path / _DOCUMENTS, "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield Document.from_json(json.loads(line))
        except (OSError, ValueError, EOFError) as error:
            raise Unavailable(f"the documents in {self.path} cannot be read ({error}); make the index again") from error

    def write_documents(self, documents: Iterable[Document]) -> None:
        """Writes them in this order; the same documents make the same bytes."""
        with (
            (self.path / _DOCUMENTS).open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        ):
            for document in documents:
                packed.write(json.dumps(document.to_json(), ensure_ascii=False).encode() + b"\n")

    def write_manifest(self, manifest: Manifest) -> None:
        """Says what is here; written last."""
        (self.path / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `path` when the block ends well; else nothing changes.

    Only one process at a time; who comes second waits. Raises InvalidInput where one may not write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = (path.parent / f".{path.name}.lock").open("w")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}; choose another folder with --out") from error
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
    """Raises InvalidInput when the folder holds anything but an index, so that nothing of a user's is replaced."""
    if path.exists() and not (path.is_dir() and ((path / _MANIFEST).is_file() or not any(path.iterdir()))):
        raise InvalidInput(f"{path} exists and is no index folder; expected a new or empty folder, or an older index")


def size_of(path: Path) -> int:
    """Bytes of all files below the folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
