"""One shard of the index: made from documents, opened, searched. The only module that knows the search library.

Scores are BM25 with the shard's own word statistics. Documents are dealt to shards by a hash, so these statistics are
nearly the same everywhere and scores of different shards may be compared.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import tantivy
from tantivy import Occur

from server.api.results import SNIPPET_CHARS, Document, Hit, url_of
from server.query import Query, Term
from vmhost.base.errors import Unavailable

VERSION = f"2 {tantivy.__version__}"  # type: ignore[attr-defined]  # the library's stub forgets it
"""Changes whenever a shard made before cannot be opened, or would answer differently."""

_TITLE_BOOST = 3.0
_LESSON_TITLE_SCORE = 12.0
_WHOLE_TITLE_SCORE = 10.0
_LOOKED_THROUGH_CHARS = 6000
"""Snippets come from so much of a body: looking for them takes most of a search's time."""
_MORE = " …"
_HEAP_BYTES = 20_000_000
_WORD_BYTES_MAX = 40
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can do does for from how i in is it its my of on or that the their this to was what"
        " when where which who why will with you your",
    )
)
"""Words that say so little that a document may lack them; in a title they still count for rank."""


def _analyzer() -> tantivy.TextAnalyzer:
    chain = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for each in (
        tantivy.Filter.remove_long(_WORD_BYTES_MAX),
        tantivy.Filter.lowercase(),
        tantivy.Filter.ascii_fold(),
        tantivy.Filter.stemmer("english"),
    ):
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
    return builder.build()


class Shard:
    """A shard that can be searched. Its methods take microseconds to a few milliseconds and never wait."""

    def __init__(self, index: tantivy.Index) -> None:
        """`index` must know the tokenizer "words"."""
        self._schema = index.schema
        self._searcher = index.searcher()
        self._words = _analyzer()
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
        words = _analyzer()
        index.register_tokenizer("words", words)
        writer = index.writer(_HEAP_BYTES, 1)
        for document in documents:
            writer.add_document(_stored(document, words))
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
        snippets = self._snippets(query)
        return total, [self._hit(address, score, snippets) for score, address in found.hits]

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

    def _hit(self, address: tantivy.DocAddress, score: float, snippets: _Snippets) -> Hit:
        stored = self._searcher.doc(address)
        found, title, kind, body = (str(stored.get_first(name)) for name in ("id", "title", "kind", "body"))
        return Hit(
            id=found,
            title=title,
            url=url_of(found),
            kind=kind,
            snippet=snippets.of(body),
            score=round(score, 4),
        )

    def _matching(self, query: Query) -> tantivy.Query:
        common = [len(group) == 1 and group[0].text.lower() in _COMMON for group in query.wanted]
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

    def _snippets(self, query: Query) -> _Snippets:
        terms = [term for group in query.wanted for term in group]
        telling = [term for term in terms if term.phrase or term.text.lower() not in _COMMON] or terms
        words = [self._words.analyze(term.text) for term in telling]
        sought = self._any([self._in("body", each) for each in words])
        generator = tantivy.SnippetGenerator.create(self._searcher, sought, self._schema, "body")
        generator.set_max_num_chars(SNIPPET_CHARS)
        return _Snippets(generator, self._words, {word for each in words for word in each})


class _Snippets:
    """Makes the snippets of one query. A body's beginning serves where it holds all that is sought: it says most."""

    def __init__(self, generator: tantivy.SnippetGenerator, words: tantivy.TextAnalyzer, sought: set[str]) -> None:
        self._generator = generator
        self._words = words
        self._sought = sought

    def of(self, body: str) -> tuple[tuple[str, bool], ...]:
        """Pieces of the body, those sought marked."""
        text = body if len(body) <= SNIPPET_CHARS else body[:SNIPPET_CHARS].rsplit(None, 1)[0]
        if not self._sought <= set(self._words.analyze(text)):
            text = body[:_LOOKED_THROUGH_CHARS]
        snippet = self._generator.snippet_from_doc(tantivy.Document(body=text))
        return tuple((_SPACE.sub(" ", piece), sought) for piece, sought in _pieces(snippet, text, body) if piece)


def _stored(document: Document, words: tantivy.TextAnalyzer) -> tantivy.Document:
    fields = {"id": document.id, "title": document.title, "kind": document.kind, "body": document.body}
    fields["whole"] = _whole(words, document.title)
    if document.kind == "lesson":
        fields["lesson"] = document.title
    return tantivy.Document(**fields)


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


def _pieces(snippet: tantivy.Snippet, text: str, body: str) -> Iterator[tuple[str, bool]]:
    """The snippet of the text, which is the body or its beginning; that beginning itself where nothing was sought."""
    raw = snippet.fragment().encode()
    if not raw:
        yield text[:SNIPPET_CHARS].strip(), False
        yield (_MORE if len(body) > SNIPPET_CHARS else ""), False
        return
    # The library counts in bytes of UTF-8.
    whole = snippet.fragment_range()
    yield ("… " if whole.start > 0 else ""), False
    at = 0
    for match in snippet.highlighted():
        yield raw[at : match.start].decode(), False
        yield raw[match.start : match.end].decode(), True
        at = match.end
    yield raw[at:].decode(), False
    rest = body.encode()[whole.end :].decode()
    yield (_MORE if _WORD.search(rest) else rest.rstrip()), False
