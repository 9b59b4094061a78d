"""Answers are held against the corpus that is really searched."""

from __future__ import annotations

import json
from pathlib import Path

from client.tour.corpus import fitting_queries, sample_of
from client.tour.results import Found
from server.api.queries import CorpusQuery, load

QUERIES = tuple(CorpusQuery(query=f"q{n}", weight=1 / (n + 1), total=n) for n in range(500))


def write(folder: Path) -> Path:
    path = folder / "known.json"
    path.write_text(json.dumps({"queries": [each.to_json() for each in QUERIES]}))
    return path


class Service:
    """Answers as a corpus with `more` documents for every query would."""

    def __init__(self, more: int, *, partial: bool = False) -> None:
        self.asked: list[str] = []
        self._more = more
        self._partial = partial

    async def search(self, query: str) -> Found:
        self.asked.append(query)
        return Found(query=query, total=int(query[1:]) + self._more, titles=(), partial=self._partial, trace=None)


async def test_the_known_totals_stand_where_the_service_gives_them(tmp_path: Path) -> None:
    service = Service(0)
    assert await fitting_queries(service.search, write(tmp_path), tmp_path) == tmp_path / "known.json"
    assert 70 <= len(service.asked) <= 100


async def test_another_corpus_is_learned_from_its_own_answers(tmp_path: Path) -> None:
    path = await fitting_queries(Service(3).search, write(tmp_path), tmp_path)
    assert [each.total for each in load(path)][:3] == [3, 4, 5]


async def test_an_answer_in_part_teaches_nothing(tmp_path: Path) -> None:
    known = write(tmp_path)
    assert await fitting_queries(Service(3, partial=True).search, known, tmp_path) == known


def test_the_sample_reaches_the_rare_queries() -> None:
    sample = sample_of(QUERIES)
    assert sample[:20] == list(QUERIES[:20])
    assert int(sample[-1].query[1:]) > 450
