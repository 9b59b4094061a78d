"""What a search answers: the JSON of an answer, of a hit and of a document, and where a document lives."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SNIPPET_CHARS = 180
"""About so long is a snippet."""
PAGE_SIZE = 10
"""A page lists so many hits."""
HITS_MAX = 100
"""A leaf answers with at most so many hits, so pages end there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One thing that can be found."""

    id: str
    """ASCII letters, digits, dots, dashes and underscores only; stable as long as its source keeps its name."""
    title: str
    kind: str
    """lesson, module, class, function, method, topic or page."""
    body: str
    """Plain text: blocks apart by empty lines, headings underlined, "- " before list items, code indented by four."""

    @property
    def url(self) -> str:
        """Where the service shows it."""
        return url_of(self.id)

    def to_json(self) -> dict[str, Any]:
        """The document as JSON data."""
        return {"id": self.id, "title": self.title, "kind": self.kind, "url": self.url, "body": self.body}

    @classmethod
    def from_json(cls, data: Any) -> Document:
        """The document that `to_json` made. Raises ValueError for anything else."""
        try:
            return cls(id=data["id"], title=data["title"], kind=str(data.get("kind", "")), body=data["body"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{str(data)[:80]!r} is no document; expected id, title, kind and body") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One document found, as a result list shows it."""

    id: str
    title: str
    url: str
    kind: str
    snippet: tuple[tuple[str, bool], ...]
    """The text around the words sought, in pieces; True marks a piece that was sought."""
    score: float

    def to_json(self) -> dict[str, Any]:
        """The hit as JSON data."""
        return {
            "id": self.id,
            "title": self.title,
            "url": self.url,
            "kind": self.kind,
            "snippet": [list(piece) for piece in self.snippet],
            "score": self.score,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Hit:
        """The hit that `to_json` made. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            id=data["id"],
            title=data["title"],
            url=data["url"],
            kind=str(data.get("kind", "")),
            snippet=tuple((str(text), bool(match)) for text, match in data["snippet"]),
            score=float(data["score"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """One answer, of a leaf for its shard or of the front end for all of them."""

    query: str
    total: int
    """How many documents match, not only those listed."""
    took_ms: float
    partial: bool
    """Whether a shard is missing."""
    hits: tuple[Hit, ...]

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON data."""
        return {
            "query": self.query,
            "total": self.total,
            "took_ms": self.took_ms,
            "partial": self.partial,
            "hits": [hit.to_json() for hit in self.hits],
        }

    @classmethod
    def from_json(cls, data: Any) -> SearchAnswer:
        """The answer that `to_json` made. Raises ValueError for anything else."""
        try:
            return cls(
                query=data["query"],
                total=int(data["total"]),
                took_ms=float(data["took_ms"]),
                partial=bool(data["partial"]),
                hits=tuple(Hit.from_json(hit) for hit in data["hits"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{str(data)[:80]!r} is no search answer; expected what to_json writes") from error


def url_of(document_id: str) -> str:
    """The path at which the service shows a document."""
    return f"/doc/{document_id}"


def shard_of(document_id: str, shards: int) -> int:
    """The shard that holds the document: a hash of its id, so every shard gets a fair and random part."""
    return zlib.crc32(document_id.encode()) % shards
