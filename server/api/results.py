"""Search answers, hits and documents, their JSON, and the shard that holds a document."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SNIPPET_CHARS = 180
"""Approximate length of a snippet."""
PAGE_SIZE = 10
"""Hits on one page."""
HITS_MAX = 100
"""The most hits that a leaf returns, and so the last that a page can list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of the corpus."""

    id: str
    """ASCII letters, digits, dots, dashes and underscores only; it changes only if the source is renamed."""
    title: str
    kind: str
    """lesson, module, class, function, method, topic or page."""
    body: str
    """Plain text: empty lines between blocks, underlined headings, "- " before list items, code indented by four."""

    @property
    def url(self) -> str:
        """The path of its page."""
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
            raise ValueError(f"{str(data)[:80]!r} is not a document; it needs id, title, kind and body") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One document found, as a list of results shows it."""

    id: str
    title: str
    url: str
    kind: str
    snippet: tuple[tuple[str, bool], ...]
    """The text around the words of the query, in pieces; True marks a piece that matches one."""
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
    """The answer of a leaf for its shard, or of the front end for all shards."""

    query: str
    total: int
    """How many documents match, including those not listed."""
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
            raise ValueError(f"{str(data)[:80]!r} is not a search answer") from error


def url_of(document_id: str) -> str:
    """The path of a document's page."""
    return f"/doc/{document_id}"


def shard_of(document_id: str, shards: int) -> int:
    """The shard that holds the document: a hash of its id, so that all shards get random parts of about equal size."""
    return zlib.crc32(document_id.encode()) % shards
