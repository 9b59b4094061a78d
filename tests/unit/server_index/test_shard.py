"""One shard: ranking, counting, highlighting."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.api.results import Document, Hit, shard_of
from server.corpus.python_docs import python_documents, source_files
from server.corpus.text_folder import lesson_documents
from server.index.passages import snippet as snippet_of
from server.index.shard_index import ShardIndex, cutter
from server.query import parse

LESSONS = {
    "hypervisor": "# What is a hypervisor?\n\nA hypervisor creates and runs virtual machines on one physical machine.",
    "what-is-a-server": "# What is a server?\n\nA server is a program that waits for requests and answers them.",
    "type-1": "# Type 1 hypervisors\n\nA type 1 hypervisor runs on the bare hardware.",
    "client": "# What is a client?\n\nA client asks a server and uses the answer.",
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    folder = tmp_path_factory.mktemp("lessons")
    for name, text in LESSONS.items():
        (folder / f"{name}.md").write_text(text)
    packages = {"asyncio", "http", "socketserver", "wsgiref", "xmlrpc", "json"}
    files = [file for file in source_files() if file[0].split(".")[0] in packages]
    with ThreadPoolExecutor(1) as worker:
        return python_documents(worker, files, ["builtins"]) + lesson_documents(folder)


def sharded(documents: list[Document], shards: int) -> list[ShardIndex]:
    return [
        ShardIndex.build(document for document in documents if shard_of(document.id, shards) == number)
        for number in range(shards)
    ]


@pytest.fixture(scope="module")
def shards(documents: list[Document]) -> list[ShardIndex]:
    return sharded(documents, 2)


def best(shards: list[ShardIndex], query: str, n: int = 5) -> list[Hit]:
    hits = [hit for shard in shards for hit in shard.search(parse(query), n)[1]]
    return sorted(hits, key=lambda hit: -hit.score)[:n]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("hypervisor", "lesson.hypervisor"),
        ("what is a hypervisor", "lesson.hypervisor"),
        ("what is a server", "lesson.what-is-a-server"),
        ("What is a server?", "lesson.what-is-a-server"),
        ("server", "lesson.what-is-a-server"),
        ("type 1 hypervisor", "lesson.type-1"),
        ("asyncio.create_task", "python.asyncio.create_task"),
        ("json", "python.json"),
        ("list", "python.list"),
    ],
)
def test_best_document_comes_first(shards: list[ShardIndex], query: str, first: str) -> None:
    assert best(shards, query)[0].id == first


@pytest.mark.parametrize(
    ("query", "lessons"), [("what is a server", 2), ("hypervisor", 2), ("how does a client ask", 1)]
)
def test_questions_put_lessons_first(shards: list[ShardIndex], query: str, lessons: int) -> None:
    found = best(shards, query, 5)
    assert [hit.kind for hit in found[:lessons]] == ["lesson"] * lessons
    assert all(hit.kind != "lesson" for hit in found[lessons:])


def test_question_matches_like_its_words(
    shards: list[ShardIndex],
) -> None:
    for words, question in (("server", "what is a server"), ("json", "what is json")):
        assert [shard.count(parse(words)) for shard in shards] == [shard.count(parse(question)) for shard in shards]
    assert best(shards, "what is json")[0].id == "python.json"


def test_totals_are_equal_for_any_shard_count(documents: list[Document], shards: list[ShardIndex]) -> None:
    queries = [parse(text) for text in ("server", "event loop", "return OR raise", '"event loop" -task', "what is a")]
    for count in (1, 3, 8):
        others = sharded(documents, count)
        for query in queries:
            expected = sum(shard.count(query) for shard in shards)
            assert sum(shard.count(query) for shard in others) == expected > 0


def test_pages_are_ordered_and_do_not_overlap(shards: list[ShardIndex]) -> None:
    query = parse("event loop")
    total, whole = shards[0].search(query, 20)
    assert total >= 20
    assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)
    paged = shards[0].search(query, 10)[1] + shards[0].search(query, 10, offset=10)[1]
    assert [hit.id for hit in paged] == [hit.id for hit in whole]
    assert shards[0].search(query, 5, offset=10_000) == (total, [])


def test_all_words_must_match_except_common_ones(shards: list[ShardIndex]) -> None:
    one = ShardIndex.build([Document(id="a", title="Alpha", kind="page", body="beta gamma delta")])
    for query, found in {
        "beta gamma": 1,
        "beta zeta": 0,
        "the beta": 1,
        "beta OR zeta": 1,
        "beta -gamma": 0,
        "beta -zeta": 1,
        '"beta gamma"': 1,
        '"gamma beta"': 0,
        "ALPHA betas": 1,
        "x" * 100: 0,
        "the a of": 0,
    }.items():
        assert one.count(parse(query)) == found, query


def test_accents_and_inflections_are_ignored() -> None:
    one = ShardIndex.build([Document(id="a", title="Café", kind="page", body="Servers were naïve")])
    assert [one.count(parse(text)) for text in ("cafe", "CAFÉ", "server", "naive")] == [1, 1, 1, 1]


def snippet(body: str, query: str, title: str = "T") -> str:
    one = ShardIndex.build([Document(id="a", title=title, kind="page", body=body)])
    _, hits = one.search(parse(query), 1)
    return "".join(f"[{text}]" if marked else text for text, marked in hits[0].snippet)


def test_snippet_marks_words_in_any_script() -> None:
    assert snippet("Ünïcode ☃ sérvers, and more.", "server") == "Ünïcode ☃ [sérvers], and more."


def test_snippet_from_the_middle_has_ellipses() -> None:
    long = "nothing here " * 40 + "\n\nthen the needle lies " + "in straw " * 40
    shown = snippet(long, "needle")
    assert shown.startswith("… ")
    assert "[needle]" in shown
    assert shown.endswith(" …")
    assert len(shown) < 220


def test_snippet_of_a_title_match_is_the_beginning() -> None:
    assert snippet("word " * 100, "needle", title="Needle").startswith("word word")
    assert snippet("", "needle", title="Needle") == ""


def test_stored_passages_equal_fresh_ones(documents: list[Document], tmp_path: Path) -> None:
    ShardIndex.build(documents, tmp_path)
    opened, cut, bodies = ShardIndex.open(tmp_path), cutter(), {document.id: document.body for document in documents}
    shown = set()
    for text in ("server", "return", "value", "raise", "event loop", "self", "list", "string object", "hypervisor"):
        stems = set(cut(text)[0].stems.split())
        total = opened.count(parse(text))
        for offset in range(0, total, 100):
            for hit in opened.search(parse(text), 100, offset)[1]:
                assert hit.snippet == snippet_of(cut(bodies[hit.id]), stems)
                shown.add(hit.id)
    assert len(shown) > 300


def test_document_is_found_by_its_full_id(shards: list[ShardIndex], documents: list[Document]) -> None:
    known = random.Random(1).sample(documents, 20)
    for document in known:
        own = shards[shard_of(document.id, 2)]
        assert own.document(document.id) == document
        assert shards[1 - shard_of(document.id, 2)].document(document.id) is None
    assert shards[0].document("") is None


def test_empty_shard_answers(tmp_path: Path) -> None:
    ShardIndex.build([], tmp_path)
    assert ShardIndex.open(tmp_path).search(parse("server"), 10) == (0, [])
