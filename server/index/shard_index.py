"""One shard of the index: built from documents, opened, searched. The only module that imports the search library.

Scores are BM25 with the shard's own word statistics. Documents are assigned to shards by a hash, so these statistics
are nearly equal in all shards, and scores of different shards can be compared.
"""

from __future__ import annotations

import contextlib
import functools
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tantivy
from tantivy import Occur

from server.api.results import Document, Hit, url_of
from server.index.passages import Passage, pack, passages_of, snippet, unpack
from server.query import Query, Term
from vmhost.base.errors import Unavailable

VERSION = f"4 {tantivy.__version__}"  # type: ignore[attr-defined]  # the library's stub forgets it
"""Changed whenever an older shard could not be opened or would give other answers."""

_TITLE_BOOST = 3.0
_LESSON_TITLE_SCORE = 12.0
_WHOLE_TITLE_SCORE = 10.0
_LESSON_FOR_A_QUESTION_SCORE = 22.0
"""A question such as "what is a …" wants an explanation: this puts a lesson that mentions the subject above a reference
of that name."""
_CACHED_DOCUMENTS = 4096
"""Documents that stay unpacked: 2 KiB each if they are short, 30 KiB if they are long."""
_HEAP_BYTES = 20_000_000
_WORD_BYTES_MAX = 40
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does for from how i in is it its my of on or that the their this to was what"
        " when where which who why will with you your",
    )
)
"""Words that say so little that a document need not contain them; in a title they still count for the rank."""
_QUESTION_WORDS = frozenset(("how", "what", "when", "where", "which", "who", "why"))


@dataclass(frozen=True, slots=True)
class _StoredHit:
    """The parts of a hit that do not depend on the query."""

    id: str
    title: str
    url: str
    kind: str
    passages: tuple[Passage, ...]


def cutter() -> Callable[[str], tuple[Passage, ...]]:
    """Returns a function that cuts texts into passages at the words of the index, including words too long for it."""
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).build()
    stems = _stemming(tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()))
    return lambda body: passages_of(body, words.analyze, stems.analyze)


def _analyzer() -> tantivy.TextAnalyzer:
    """The analyzer that returns the stems which the index stores."""
    simple = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    return _stemming(simple.filter(tantivy.Filter.remove_long(_WORD_BYTES_MAX)))


def _stemming(chain: tantivy.TextAnalyzerBuilder) -> tantivy.TextAnalyzer:
    for each in (tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold(), tantivy.Filter.stemmer("english")):
        chain = chain.filter(each)
    return chain.build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("id", "kind"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("title", "body"):
        builder.add_text_field(name, stored=True, tokenizer_name="words")
    builder.add_text_field("lesson", tokenizer_name="words")
    builder.add_text_field("whole", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("passages", stored=True)
    return builder.build()


class ShardIndex:
    """A shard that can be searched. Its methods take from microseconds to a few milliseconds and never wait."""

    def __init__(self, index: tantivy.Index) -> None:
        """The tokenizer "words" must be registered with `index`."""
        self._schema = index.schema
        self._searcher = index.searcher()
        self._words = _analyzer()
        self._stored_hit = functools.lru_cache(_CACHED_DOCUMENTS)(self._read)
        self.documents: int = self._searcher.num_docs

    @classmethod
    def open(cls, folder: Path) -> ShardIndex:
        """Open the shard that `build` wrote; the folder may be read-only. Raises Unavailable if it cannot be opened."""
        try:
            with _linked(folder) as private:
                index = tantivy.Index.open(private)
                index.register_tokenizer("words", _analyzer())
                index.config_reader(reload_policy="manual")
                return cls(index)
        except (ValueError, OSError) as error:
            raise Unavailable(
                f"cannot open the index shard {folder} ({error}); build it again with python -m server index"
            ) from error

    @classmethod
    def build(cls, documents: Iterable[Document], folder: Path | None = None) -> ShardIndex:
        """Build a shard of the documents, in a folder that exists and is empty, or in memory."""
        index = tantivy.Index(_schema(), path=None if folder is None else str(folder))
        words, cut = _analyzer(), cutter()
        index.register_tokenizer("words", words)
        writer = index.writer(_HEAP_BYTES, 1)
        for document in documents:
            writer.add_document(_stored(document, words, cut(document.body)))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return cls(index)

    def search(self, query: Query, n: int, offset: int = 0) -> tuple[int, list[Hit]]:
        """Return how many documents match, and the `n` best after the first `offset`, best first."""
        matching = self._matching(query)
        found = self._searcher.search(matching, max(n, 1), count=True, offset=offset)
        total = int(found.count)  # type: ignore[attr-defined]  # the library's stub forgets it
        if not n or not found.hits:
            return total, []
        stems = self._stems(query)
        return total, [
            _hit(self._stored_hit(address.segment_ord, address.doc), score, stems) for score, address in found.hits
        ]

    def count(self, query: Query) -> int:
        """The number of documents that match."""
        return self.search(query, 0)[0]

    def document(self, document_id: str) -> Document | None:
        """The document with that id, or None."""
        wanted = tantivy.Query.term_query(self._schema, "id", document_id)
        found = self._searcher.search(wanted, 1, count=False).hits
        if not found:
            return None
        fields = self._searcher.doc(found[0][1]).to_dict()
        return Document(**{name: fields[name][0] for name in ("id", "title", "kind", "body")})

    def _read(self, segment: int, number: int) -> _StoredHit:
        """The stored parts of a hit, by the document's address."""
        stored = self._searcher.doc(tantivy.DocAddress(segment, number))
        found, title, kind = (str(stored.get_first(name)) for name in ("id", "title", "kind"))
        return _StoredHit(found, title, url_of(found), kind, unpack(stored["passages"][0]))

    def _matching(self, query: Query) -> tantivy.Query:
        common = [len(group) == 1 and group[0].text.lower() in _COMMON for group in query.wanted]
        is_question = not all(common) and any(
            one and group[0].text.lower() in _QUESTION_WORDS for group, one in zip(query.wanted, common, strict=True)
        )
        if all(common):
            common = [False] * len(common)
        parts = [
            (Occur.Should, self._in("title", self._words.analyze(group[0].text)))
            if optional
            else (Occur.Must, self._any([self._anywhere(term) for term in group]))
            for group, optional in zip(query.wanted, common, strict=True)
        ]
        whole = _whole(self._words, " ".join(term.text for group in query.wanted for term in group))
        exactly = tantivy.Query.term_query(self._schema, "whole", whole)
        parts.append((Occur.Should, tantivy.Query.const_score_query(exactly, _WHOLE_TITLE_SCORE)))
        if is_question:
            lessons = tantivy.Query.term_query(self._schema, "kind", "lesson")
            parts.append((Occur.Should, tantivy.Query.const_score_query(lessons, _LESSON_FOR_A_QUESTION_SCORE)))
        parts += [(Occur.MustNot, self._anywhere(term)) for term in query.excluded]
        return tantivy.Query.boolean_query(parts)

    def _anywhere(self, term: Term) -> tantivy.Query:
        words = self._words.analyze(term.text)
        return self._any(
            [
                tantivy.Query.boost_query(self._in("title", words), _TITLE_BOOST),
                tantivy.Query.const_score_query(self._in("lesson", words), _LESSON_TITLE_SCORE),
                self._in("body", words),
            ]
        )

    def _in(self, field: str, words: list[str]) -> tantivy.Query:
        if not words:
            return tantivy.Query.empty_query()
        if len(words) == 1:
            return tantivy.Query.term_query(self._schema, field, words[0])
        return tantivy.Query.phrase_query(self._schema, field, [*words])

    def _any(self, queries: list[tantivy.Query]) -> tantivy.Query:
        return queries[0] if len(queries) == 1 else tantivy.Query.boolean_query([(Occur.Should, q) for q in queries])

    def _stems(self, query: Query) -> set[str]:
        """The stems that a snippet should mark."""
        terms = [term for group in query.wanted for term in group]
        distinctive = [term for term in terms if term.phrase or term.text.lower() not in _COMMON] or terms
        return {word for term in distinctive for word in self._words.analyze(term.text)}


def _hit(stored: _StoredHit, score: float, stems: set[str]) -> Hit:
    return Hit(
        id=stored.id,
        title=stored.title,
        url=stored.url,
        kind=stored.kind,
        snippet=snippet(stored.passages, stems),
        score=round(score, 4),
    )


def _stored(document: Document, words: tantivy.TextAnalyzer, passages: tuple[Passage, ...]) -> tantivy.Document:
    fields = {"id": document.id, "title": document.title, "kind": document.kind, "body": document.body}
    fields["whole"] = _whole(words, document.title)
    if document.kind == "lesson":
        fields["lesson"] = document.title
    return tantivy.Document(**fields, passages=pack(passages))


def _whole(words: tantivy.TextAnalyzer, text: str) -> str:
    """The text's distinctive words, so that "What is a server?" and "servers" count as the same title."""
    found = words.analyze(text)
    return " ".join([word for word in found if word not in _COMMON] or found)


@contextlib.contextmanager
def _linked(folder: Path) -> Iterator[str]:
    """A temporary folder of links to the shard's files: opening writes a lock file, and the shard may be read-only.

    Files that are open stay open when the folder is removed."""
    # The library may still be releasing its lock file while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="shard-", ignore_cleanup_errors=True) as private:
        for path in folder.iterdir():
            if not path.name.endswith(".lock"):
                (Path(private) / path.name).symlink_to(path.resolve())
        yield private
