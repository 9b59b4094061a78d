"""Answers are held against the corpus that is really searched."""

from __future__ import annotations

from pathlib import Path

import msgspec

from client.search_service import SearchResult, matching_queries, sample_queries
from server.api.queries import CorpusQuery, QueriesFile, load

QUERIES = tuple(CorpusQuery(query=f"q{n}", weight=1 / (n + 1), total=n) for n in range(500))


def write(folder: Path) -> Path:
    path = folder / "known.json"
    path.write_bytes(msgspec.json.encode(QueriesFile(tuple(QUERIES))))
    return path


class Service:
    """Responds like a corpus with `more` documents for every query."""

    def __init__(self, more: int, *, partial: bool = False) -> None:
        self.queries: list[str] = []
        self._more = more
        self._partial = partial

    async def search(self, query: str) -> SearchResult:
        self.queries.append(query)
        return SearchResult(query=query, total=int(query[1:]) + self._more, partial=self._partial)


async def test_matching_totals_keep_the_known_file(tmp_path: Path) -> None:
    service = Service(0)
    assert await matching_queries(service.search, write(tmp_path), tmp_path) == tmp_path / "known.json"
    assert 70 <= len(service.queries) <= 100


async def test_other_totals_are_written_to_a_new_file(tmp_path: Path) -> None:
    path = await matching_queries(Service(3).search, write(tmp_path), tmp_path)
    assert [each.total for each in load(path)][:3] == [3, 4, 5]


async def test_partial_answers_change_nothing(tmp_path: Path) -> None:
    known = write(tmp_path)
    assert await matching_queries(Service(3, partial=True).search, known, tmp_path) == known


def test_sample_includes_rare_queries() -> None:
    sample = sample_queries(QUERIES)
    assert sample[:20] == list(QUERIES[:20])
    assert int(sample[-1].query[1:]) > 450
