"""Search answers, hits and documents, their JSON, and the shard that holds a document."""

from __future__ import annotations

import zlib

from msgspec import Struct

SNIPPET_CHARS = 180
"""Approximate length of a snippet."""
PAGE_SIZE = 10
"""Hits on one page."""
HITS_MAX = 100
"""The most hits that a leaf returns, and so the last that a page can list."""


class Document(Struct, frozen=True, kw_only=True):
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


class Hit(Struct, frozen=True, kw_only=True, gc=False):
    """One document found, as a list of results shows it."""

    id: str
    title: str
    url: str
    kind: str
    snippet: tuple[tuple[str, bool], ...]
    """The text around the words of the query, in pieces; True marks a piece that matches one."""
    score: float


class SearchAnswer(Struct, frozen=True, kw_only=True):
    """The answer of a leaf for its shard, or of the front end for all shards."""

    query: str
    total: int
    """How many documents match, including those not listed."""
    took_ms: float
    partial: bool
    """Whether a shard is missing."""
    hits: tuple[Hit, ...]


def url_of(document_id: str) -> str:
    """The path of a document's page."""
    return f"/doc/{document_id}"


def shard_of(document_id: str, shards: int) -> int:
    """The shard that holds the document: a hash of its id, so that all shards get random parts of about equal size."""
    return zlib.crc32(document_id.encode()) % shards
