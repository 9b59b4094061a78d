"""Builds an index folder: reads the sources, divides the documents into shards, counts the matches of the queries."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from server.api.queries import QueriesFile
from server.api.results import Document, shard_of
from server.corpus import python_docs
from server.corpus.compiled_modules import compiled_modules
from server.corpus.query_generator import corpus_queries
from server.corpus.text_folder import folder_documents, lesson_documents, text_files
from server.index.index_folder import IndexFolder, Manifest, refuse_foreign, replacing
from server.index.shard_index import VERSION, ShardIndex
from vmhost.base.errors import Unavailable

SHARDS_MAX = 64
_WORKERS_MAX = 4

Report = Callable[[str], None]
"""Shows a step to the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The sources of an index: a folder, or the Python documentation with a folder of lessons (None: without)."""

    corpus: Path | None = None
    lessons: Path | None = None

    def fingerprint(self) -> str:
        """A hash; equal hashes mean equal documents. Raises InvalidInput for folders that cannot be indexed."""
        facts = [VERSION, *_code_hashes()]
        if self.corpus is not None:
            facts += [str(self.corpus.resolve()), *_file_stats(self.corpus)]
        else:
            facts += python_docs.fingerprint()
            facts += _file_stats(self.lessons) if self.lessons else []
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def documents(self) -> list[Document]:
        """All documents, sorted by id. Raises InvalidInput for folders that cannot be indexed."""
        if self.corpus is not None:
            found = folder_documents(self.corpus)
        else:
            context = multiprocessing.get_context("spawn")
            count = min(_WORKERS_MAX, os.cpu_count() or 1)
            with ProcessPoolExecutor(count, mp_context=context, initializer=_ignore_interrupts) as workers:
                try:
                    found = python_docs.python_documents(workers, python_docs.source_files(), compiled_modules())
                except KeyboardInterrupt:
                    workers.shutdown(wait=False, cancel_futures=True)
                    raise
            found += lesson_documents(self.lessons) if self.lessons else []
        return sorted(found, key=lambda document: document.id)


def _ignore_interrupts() -> None:
    """Makes a worker ignore Ctrl-C, which the terminal sends to it as well: the parent process ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _code_hashes() -> list[str]:
    """Hashes of our own code, which may turn the same sources into other documents after a change."""
    here = Path(__file__).parent
    code = [*sorted(here.glob("*.py")), *sorted((here.parent / "index").glob("*.py"))]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in code]


def _file_stats(folder: Path) -> list[str]:
    stats = [(path, path.stat()) for path in text_files(folder)]
    return [f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]


def build(sources: Sources, *, shards: int, out: Path, report: Report) -> Manifest:
    """Build an index in a folder, which is replaced as a whole or not at all; does nothing if the index is up to date.

    The numbers of shards that the folder has are kept. Raises InvalidInput for unusable sources or folders."""
    refuse_foreign(out)
    source = sources.fingerprint()
    counts = {shards}
    try:
        existing = IndexFolder(out).manifest()
    except Unavailable:
        pass
    else:
        if existing.source == source:
            if shards in existing.shards:
                return existing
            counts |= set(existing.shards)
    with replacing(out) as private:
        return _write(IndexFolder(private), sources, source, sorted(counts), report)


def _write(folder: IndexFolder, sources: Sources, source: str, counts: Sequence[int], report: Report) -> Manifest:
    report(f"reading {sources.corpus or 'the Python documentation'}")
    documents = sources.documents()
    report(f"indexing {len(documents):,} documents")
    folder.write_documents(documents)
    built: list[ShardIndex] = []
    for shards in counts:
        built = [_write_shard(folder, documents, shard, shards) for shard in range(shards)]
    queries = corpus_queries(documents, lambda query: sum(shard.count(query) for shard in built))
    folder.queries_path.write_bytes(msgspec.json.format(msgspec.json.encode(QueriesFile(tuple(queries)))) + b"\n")
    manifest = Manifest(
        documents=len(documents), digest=digest_of(documents), source=source, shards=tuple(counts), library=VERSION
    )
    folder.write_manifest(manifest)
    return manifest


def _write_shard(folder: IndexFolder, documents: Sequence[Document], shard: int, shards: int) -> ShardIndex:
    path = folder.shard_path(shard, shards)
    path.mkdir(parents=True)
    return ShardIndex.build((document for document in documents if shard_of(document.id, shards) == shard), path)


def digest_of(documents: Sequence[Document]) -> str:
    """A hash of the documents' content."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(msgspec.json.encode(document))
    return digest.hexdigest()
