"""`python -m server index`: reads the sources, divides their documents into shards, and makes queries with totals.

Queries are made from the corpus's own words, so that it can answer each of them."""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from server.api.queries import CorpusQuery, QueriesFile, index_folder
from server.api.results import Document, shard_of
from server.corpus import python_docs
from server.corpus.text_folder import folder_documents, lesson_documents, text_files
from server.index.index_folder import IndexFolder, Manifest, refuse_foreign, replacing, size_of
from server.index.shard_index import VERSION, ShardIndex
from server.query import Query, parse
from vmhost.base.errors import CloudError, Unavailable

EXAMPLES = """\
  python -m server index
  python -m server index --corpus ~/notes --shards 3 --out ./index --json
"""
SHARDS_MAX = 64
_WORKERS_MAX = 4
QUERIES = 2000
_TRIES = 6
"""Draws for each query and for each document."""
_SEED = 20030322
_WORD = re.compile(r"[^\W\d_]{3,20}")
_BEGINNING_CHARS = 300
"""Words are taken from a document's title and from this much of its beginning."""
_COMMON_WORDS = frozenset(
    _WORD.findall(
        "about after all also and any are been but can for from had has have how into its may must not none object one"
        " only other self should such than that the their them then there these they this true false use used uses"
        " using value was what when where which while will with you your return returns given name type see default"
        " optional argument arguments function method class module"
    )
)
_LENGTHS = (1, 1, 2, 2, 2, 3)
_TITLE_CHARS_MAX = 40

Report = Callable[[str], None]
"""Shows a step to the user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="index this folder of text, Markdown and HTML")
    parser.add_argument(
        "--lessons",
        type=Path,
        metavar="DIR",
        default=default_lessons(),
        help="folder of lessons to index (default: ours)",
    )
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="number of parts of the index (default 2)")
    parser.add_argument("--out", type=Path, default=index_folder(), metavar="DIR", help="folder to write the index to")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def default_lessons() -> Path | None:
    """The lessons of this source tree, else those installed beside the index, else None."""
    places = (Path(__file__).parents[2] / "docs" / "lessons", index_folder().parent / "lessons")
    return next((place for place in places if place.is_dir()), None)


def run(args: argparse.Namespace) -> int:
    """Build the index if it is missing or out of date; returns the exit code."""
    if not 1 <= args.shards <= SHARDS_MAX:
        print(f"error: --shards {args.shards} is out of range (1 to {SHARDS_MAX})", file=sys.stderr)
        return 2
    started = time.perf_counter()
    steps: list[str] = []

    def report(step: str) -> None:
        steps.append(step)
        print(f"search index: {step}", file=sys.stderr if args.json else sys.stdout, flush=True)

    try:
        manifest = build(
            Sources(corpus=args.corpus, lessons=args.lessons), shards=args.shards, out=args.out, report=report
        )
    except CloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if args.json:
        result = {"folder": str(args.out), "built": bool(steps), **msgspec.structs.asdict(manifest)}
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
        return 0
    parts = " and ".join(str(count) for count in manifest.shards)
    how = f"{size_of(args.out) / 1e6:.0f} MB, {time.perf_counter() - started:.1f} s" if steps else "up to date"
    print(f"search index: {manifest.documents:,} documents in {parts} shards ({how})")
    return 0


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
                    found = python_docs.python_documents(
                        workers, python_docs.source_files(), python_docs.compiled_modules()
                    )
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


def corpus_queries(documents: Sequence[Document], count: Callable[[Query], int]) -> list[CorpusQuery]:
    """Make about 2,000 different queries of one to three words that match some document, the most popular first.

    `count` returns how many documents match. Titles of lessons come first. The same documents give the same queries."""
    rng = random.Random(_SEED)
    texts = dict.fromkeys(_lesson_queries(documents, rng))
    for _ in range(min(QUERIES * _TRIES, len(documents) * _TRIES)):
        if len(texts) >= QUERIES:
            break
        if text := _drawn(documents[rng.randrange(len(documents))], rng):
            texts.setdefault(text)
    totals = ((text, count(parse(text))) for text in texts)
    answered = [(text, total) for text, total in totals if total]
    return [
        CorpusQuery(query=text, weight=round(1 / rank, 6), total=total)
        for rank, (text, total) in enumerate(answered, start=1)
    ]


def _lesson_queries(documents: Sequence[Document], rng: random.Random) -> list[str]:
    lessons = [document.title for document in documents if document.kind == "lesson"]
    titles_in_words = [" ".join(re.findall(r"[a-z0-9]+", title.lower().replace("'s", ""))) for title in lessons]
    short = [re.sub(r"^(what is (an? )?|the |an? )", "", text) for text in titles_in_words]
    texts = [text for text in {*titles_in_words, *short} if _WORD.search(text) and len(text) <= _TITLE_CHARS_MAX]
    texts.sort()
    rng.shuffle(texts)
    return texts


def _drawn(document: Document, rng: random.Random) -> str | None:
    """One to three consecutive words of the document, common words left out."""
    beginning = f"{document.title} {document.body[:_BEGINNING_CHARS]}".lower()
    words = [word for word in _WORD.findall(beginning) if word not in _COMMON_WORDS]
    length = rng.choice(_LENGTHS)
    if len(words) < length:
        return None
    start = rng.randrange(len(words) - length + 1)
    return " ".join(dict.fromkeys(words[start : start + length]))
