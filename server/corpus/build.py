"""Makes an index folder: reads the sources, shards the documents, counts what the corpus's queries find."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from server.api.results import Document, shard_of
from server.corpus import stdlib
from server.corpus.builtin import compiled_modules
from server.corpus.folder import folder_documents, lesson_documents, text_files
from server.corpus.queries import corpus_queries
from server.corpus.store import IndexFolder, Manifest, refuse_foreign, replacing
from server.leaf.index import VERSION, Shard
from vmhost.base.errors import Unavailable

SHARDS_MAX = 64
_WORKERS_MAX = 4

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What to index: a folder, or the Python documentation with the lessons of a folder (None: without)."""

    corpus: Path | None = None
    lessons: Path | None = None

    def fingerprint(self) -> str:
        """Equal fingerprints, equal documents. Raises InvalidInput for folders that cannot be indexed."""
        facts = [VERSION, *_code_facts()]
        if self.corpus is not None:
            facts += [str(self.corpus.resolve()), *_file_facts(self.corpus)]
        else:
            facts += stdlib.fingerprint()
            facts += _file_facts(self.lessons) if self.lessons else []
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def documents(self) -> list[Document]:
        """All documents, sorted by id. Raises InvalidInput for folders that cannot be indexed."""
        if self.corpus is not None:
            found = folder_documents(self.corpus)
        else:
            context = multiprocessing.get_context("spawn")
            count = min(_WORKERS_MAX, os.cpu_count() or 1)
            with ProcessPoolExecutor(count, mp_context=context, initializer=_leave_interrupts_to_parent) as workers:
                try:
                    found = stdlib.stdlib_documents(workers, stdlib.source_files(), compiled_modules())
                except KeyboardInterrupt:
                    workers.shutdown(wait=False, cancel_futures=True)
                    raise
            found += lesson_documents(self.lessons) if self.lessons else []
        return sorted(found, key=lambda document: document.id)


def _leave_interrupts_to_parent() -> None:
    """Makes a worker ignore Ctrl-C, which the terminal sends to it as well: the parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _code_facts() -> list[str]:
    """Other code may make other documents of the same sources."""
    here = Path(__file__).parent
    code = [*sorted(here.glob("*.py")), *(here.parent / "leaf" / name for name in ("index.py", "passages.py"))]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in code]


def _file_facts(folder: Path) -> list[str]:
    stats = [(path, path.stat()) for path in text_files(folder)]
    return [f"{path.relative_to(folder)} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]


def build(sources: Sources, *, shards: int, out: Path, say: Say) -> Manifest:
    """An index of the sources in the folder, replaced whole or not at all; does nothing when it is there already.

    Shard counts that the folder was made for stay. Raises InvalidInput for sources or folders that cannot serve."""
    refuse_foreign(out)
    source = sources.fingerprint()
    counts = {shards}
    try:
        there = IndexFolder(out).manifest()
    except Unavailable:
        pass
    else:
        if there.source == source:
            if shards in there.shards:
                return there
            counts |= set(there.shards)
    with replacing(out) as private:
        return _write(IndexFolder(private), sources, source, sorted(counts), say)


def _write(folder: IndexFolder, sources: Sources, source: str, counts: Sequence[int], say: Say) -> Manifest:
    say(f"reading {sources.corpus or 'the Python documentation'}")
    documents = sources.documents()
    say(f"indexing {len(documents):,} documents")
    folder.write_documents(documents)
    made: list[Shard] = []
    for shards in counts:
        made = [_write_shard(folder, documents, shard, shards) for shard in range(shards)]
    queries = corpus_queries(documents, lambda query: sum(shard.count(query) for shard in made))
    listed = ",\n".join(json.dumps(each.to_json(), ensure_ascii=False) for each in queries)
    folder.queries_path.write_text(f'{{"queries": [\n{listed}\n]}}\n', encoding="utf-8")
    manifest = Manifest(
        documents=len(documents), digest=digest_of(documents), source=source, shards=tuple(counts), library=VERSION
    )
    folder.write_manifest(manifest)
    return manifest


def _write_shard(folder: IndexFolder, documents: Sequence[Document], shard: int, shards: int) -> Shard:
    path = folder.shard_path(shard, shards)
    path.mkdir(parents=True)
    return Shard.build((document for document in documents if shard_of(document.id, shards) == shard), path)


def digest_of(documents: Sequence[Document]) -> str:
    """A hash of all that the documents say."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps(document.to_json(), sort_keys=True).encode())
    return digest.hexdigest()
