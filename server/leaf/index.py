"""One shard of the index: made from documents, opened, searched. The only module that knows the search library.

Scores are BM25 with the shard's own word statistics. Documents are dealt to shards by a hash, so these statistics are
nearly the same everywhere and scores of different shards may be compared.
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
from server.leaf.passages import Passage, packed, passages_of, snippet, unpacked
from server.query import Query, Term
from vmhost.base.errors import Unavailable

VERSION = f"4 {tantivy.__version__}"  # type: ignore[attr-defined]  # the library's stub forgets it
"""Changes whenever a shard made before cannot be opened, or would answer differently."""

_TITLE_BOOST = 3.0
_LESSON_TITLE_SCORE = 12.0
_WHOLE_TITLE_SCORE = 10.0
_LESSON_FOR_A_QUESTION_SCORE = 22.0
"""Whoever asks "what is a …" wants it explained: this lifts a lesson that mentions it above a reference named so."""
_KEPT_DOCUMENTS = 4096
"""So many stay unpacked: 2 KiB each where documents are short, 30 KiB where all are long."""
_HEAP_BYTES = 20_000_000
_WORD_BYTES_MAX = 40
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does for from how i in is it its my of on or that the their this to was what"
        " when where which who why will with you your",
    )
)
"""Words that say so little that a document may lack them; in a title they still count for rank."""
_ASKING = frozenset(("how", "what", "when", "where", "which", "who", "why"))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a hit shows of a document, apart from the query."""

    id: str
    title: str
    url: str
    kind: str
    passages: tuple[Passage, ...]


def cutter() -> Callable[[str], tuple[Passage, ...]]:
    """Cuts texts into passages at the same words as the index does, the overlong ones included."""
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).build()
    stems = _stemming(tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()))
    return lambda body: passages_of(body, words.analyze, stems.analyze)


def _analyzer() -> tantivy.TextAnalyzer:
    """Gives the stems that are kept in the index."""
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


class Shard:
    """A shard that can be searched. Its methods take microseconds to a few milliseconds and never wait."""

    def __init__(self, index: tantivy.Index) -> None:
        """`index` must know the tokenizer "words"."""
        self._schema = index.schema
        self._searcher = index.searcher()
        self._words = _analyzer()
        self._shown = functools.lru_cache(_KEPT_DOCUMENTS)(self._read)
        self.documents: int = self._searcher.num_docs

    @classmethod
    def open(cls, folder: Path) -> Shard:
        """The shard that `build` wrote there; the folder may be read-only. Raises Unavailable where there is none."""
        try:
            with _linked(folder) as private:
                index = tantivy.Index.open(private)
                index.register_tokenizer("words", _analyzer())
                index.config_reader(reload_policy="manual")
                return cls(index)
        except (ValueError, OSError) as error:
            raise Unavailable(
                f"the index shard {folder} cannot be opened ({error}); expected what python -m server index wrote"
            ) from error

    @classmethod
    def build(cls, documents: Iterable[Document], folder: Path | None = None) -> Shard:
        """A shard of these documents, kept in the folder (which must exist and be empty) or in memory."""
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
        """How many documents match, and the `n` best after the first `offset`, best first."""
        matching = self._matching(query)
        found = self._searcher.search(matching, max(n, 1), count=True, offset=offset)
        total = int(found.count)  # type: ignore[attr-defined]  # the library's stub forgets it
        if not n or not found.hits:
            return total, []
        sought = self._sought(query)
        return total, [
            _hit(self._shown(address.segment_ord, address.doc), score, sought) for score, address in found.hits
        ]

    def count(self, query: Query) -> int:
        """How many documents match."""
        return self.search(query, 0)[0]

    def document(self, document_id: str) -> Document | None:
        """The document of that id; None when this shard has none."""
        wanted = tantivy.Query.term_query(self._schema, "id", document_id)
        found = self._searcher.search(wanted, 1, count=False).hits
        if not found:
            return None
        fields = self._searcher.doc(found[0][1]).to_dict()
        return Document(**{name: fields[name][0] for name in ("id", "title", "kind", "body")})

    def _read(self, segment: int, number: int) -> _Shown:
        """What hits show of the document with that address."""
        stored = self._searcher.doc(tantivy.DocAddress(segment, number))
        found, title, kind = (str(stored.get_first(name)) for name in ("id", "title", "kind"))
        return _Shown(found, title, url_of(found), kind, unpacked(stored["passages"][0]))

    def _matching(self, query: Query) -> tantivy.Query:
        common = [len(group) == 1 and group[0].text.lower() in _COMMON for group in query.wanted]
        asks = not all(common) and any(
            one and group[0].text.lower() in _ASKING for group, one in zip(query.wanted, common, strict=True)
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
        if asks:
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

    def _sought(self, query: Query) -> set[str]:
        """The stems that a snippet should show."""
        terms = [term for group in query.wanted for term in group]
        telling = [term for term in terms if term.phrase or term.text.lower() not in _COMMON] or terms
        return {word for term in telling for word in self._words.analyze(term.text)}


def _hit(shown: _Shown, score: float, sought: set[str]) -> Hit:
    return Hit(
        id=shown.id,
        title=shown.title,
        url=shown.url,
        kind=shown.kind,
        snippet=snippet(shown.passages, sought),
        score=round(score, 4),
    )


def _stored(document: Document, words: tantivy.TextAnalyzer, passages: tuple[Passage, ...]) -> tantivy.Document:
    fields = {"id": document.id, "title": document.title, "kind": document.kind, "body": document.body}
    fields["whole"] = _whole(words, document.title)
    if document.kind == "lesson":
        fields["lesson"] = document.title
    return tantivy.Document(**fields, passages=packed(passages))


def _whole(words: tantivy.TextAnalyzer, text: str) -> str:
    """The text's telling words: "What is a server?" and "servers" are the same to who looks for a title."""
    found = words.analyze(text)
    return " ".join([word for word in found if word not in _COMMON] or found)


@contextlib.contextmanager
def _linked(folder: Path) -> Iterator[str]:
    """A folder of our own that leads to the shard's files: opening writes a lock file, and the shard may be read-only.

    What is open stays open when the folder goes."""
    # The library may still be letting go of its lock file while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="shard-", ignore_cleanup_errors=True) as private:
        for path in folder.iterdir():
            if not path.name.endswith(".lock"):
                (Path(private) / path.name).symlink_to(path.resolve())
        yield private
