"""Building an index folder: its content, that it is reproducible, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from server.api.queries import draw, load
from server.corpus.build_index import Sources, build
from server.corpus.text_folder import FILE_BYTES_MAX, lesson_documents
from server.index.index_folder import IndexFolder
from server.index.shard_index import ShardIndex
from server.query import parse
from vmhost.base.errors import InvalidInput, Unavailable

Write = Callable[..., Path]
TOPICS = ("server", "client", "kernel", "queue", "shard", "replica", "latency", "port", "thread", "image")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of 60 texts in all three kinds."""
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    for number in range(60):
        one, other = TOPICS[number % 10], TOPICS[number * 7 % 9]
        text = f"The {one} number {number}\n\nAbout the {one} and the {other}; part {number}."
        name = ("deep/" if number % 5 == 0 else "") + f"text {number}"
        kind = (".txt", ".md", ".html")[number % 3]
        if kind == ".md":
            text = "# " + text
        elif kind == ".html":
            text = f"<h1>{text}</h1>"
        (folder / (name + kind)).write_text(text)
    return folder


def silent(_step: str) -> None:
    pass


def built(texts: Path, out: Path, shards: int = 2) -> IndexFolder:
    build(Sources(corpus=texts), shards=shards, out=out, report=silent)
    return IndexFolder(out)


def total(folder: IndexFolder, query: str, shards: int) -> int:
    opened = [folder.open_shard(shard, shards)[0] for shard in range(shards)]
    return sum(shard.count(parse(query)) for shard in opened)


def test_same_texts_give_the_same_index(texts: Path, tmp_path: Path) -> None:
    one, other = built(texts, tmp_path / "a"), built(texts, tmp_path / "b")
    assert one.manifest() == other.manifest()
    assert one.manifest().documents == 60
    for name in ("documents.jsonl.gz", "queries.json"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_index_is_rebuilt_only_after_changes(texts: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    sources = Sources(corpus=texts)
    first = build(sources, shards=2, out=tmp_path / "out", report=steps.append)
    before = len(steps)
    assert build(sources, shards=2, out=tmp_path / "out", report=steps.append) == first
    assert len(steps) == before > 0
    (texts / "new.txt").write_text("Something entirely new.")
    assert build(sources, shards=2, out=tmp_path / "out", report=steps.append).documents == 61


def test_another_shard_count_is_added(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out", 2)
    built(texts, folder.path, 3)
    assert folder.manifest().shards == (2, 3)
    assert sorted(path.name for path in (folder.path / "3").iterdir()) == ["shard-0", "shard-1", "shard-2"]


def test_index_totals_do_not_depend_on_shards(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out", 2)
    queries = load(folder.queries_path)
    assert len(queries) > 30
    # The 2 shards are opened from the folder, the others are built in memory.
    for shards in (1, 2, 5):
        opened = [folder.open_shard(shard, shards)[0] for shard in range(shards)]
        for each in queries[:60]:
            assert sum(shard.count(parse(each.query)) for shard in opened) == each.total > 0


def test_queries_are_drawn_by_popularity_and_seed(texts: Path, tmp_path: Path) -> None:
    queries = load(built(texts, tmp_path / "out").queries_path)
    drawn = draw(queries, seed=7, count=2000)
    assert drawn == draw(queries, seed=7, count=2000) != draw(queries, seed=8, count=2000)
    assert drawn.count(queries[0]) > drawn.count(queries[9]) > 0
    assert queries[0].weight == 10 * queries[9].weight


def test_missing_or_broken_queries_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="python -m server index"):
        load(tmp_path / "queries.json")
    for broken in ("", "[]", '{"queries": []}', '{"queries": [{"query": "x"}]}'):
        (tmp_path / "queries.json").write_text(broken)
        with pytest.raises(InvalidInput):
            load(tmp_path / "queries.json")


def test_read_only_index_can_be_opened(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out")
    listed = sorted(path.name for path in folder.shard_path(0, 2).iterdir())
    for path in [*folder.path.rglob("*"), folder.path]:
        path.chmod(0o555)
    try:
        assert total(folder, "server", 2) > 0
        assert sorted(path.name for path in folder.shard_path(0, 2).iterdir()) == listed
    finally:
        for path in [folder.path, *folder.path.rglob("*")]:
            path.chmod(0o755)


def test_damaged_shard_is_built_in_memory(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out")
    before = total(folder, "server", 2)
    (folder.shard_path(0, 2) / "meta.json").write_text("{")
    assert total(folder, "server", 2) == before


def test_index_of_an_older_format_is_rebuilt(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out", 1)
    current, before = folder.manifest(), total(folder, "server", 1)
    shutil.rmtree(folder.shard_path(0, 1))
    folder.shard_path(0, 1).mkdir()
    ShardIndex.build([], folder.shard_path(0, 1))
    assert total(folder, "server", 1) == 0 < before
    folder.write_manifest(replace(current, library="2 0.1", source="older"))
    assert total(folder, "server", 1) == before
    assert built(texts, folder.path, 1).manifest() == current
    assert total(folder, "server", 1) == before


def test_missing_index_error_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="python -m server index"):
        IndexFolder(tmp_path).open_shard(0, 2)


def test_other_folders_are_never_replaced(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InvalidInput, match="is not an index"):
        built(texts, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_failed_build_keeps_the_old_index(texts: Path, tmp_path: Path) -> None:
    folder = built(texts, tmp_path / "out")
    before = folder.manifest()
    (texts / "huge.txt").write_text("x" * (FILE_BYTES_MAX + 1))
    with pytest.raises(InvalidInput, match=r"huge\.txt has 1,048,577 bytes"):
        built(texts, folder.path)
    assert folder.manifest() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.lock", "out", "texts"]


def test_folders_without_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "picture.png").write_bytes(b"x")
    for folder, message in ((tmp_path / "none", "does not exist"), (tmp_path / "empty", "has no texts")):
        with pytest.raises(InvalidInput, match=message):
            built(folder, tmp_path / "out")


def test_lessons_of_one_name_in_two_folders_are_both_found(tmp_path: Path) -> None:
    for name in ("a/intro.md", "b/intro.md", "plain.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    assert [each.id for each in lesson_documents(tmp_path)] == ["lesson.a-intro", "lesson.b-intro", "lesson.plain"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable_text_is_named(texts: Path, tmp_path: Path) -> None:
    (texts / "text 1.md").chmod(0)
    with pytest.raises(InvalidInput, match=r"text 1\.md cannot be read"):
        built(texts, tmp_path / "out")


def test_unusual_bytes_and_names_become_documents(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "a b.txt").write_bytes(b"\xff\xfe\x00 strange bytes")
    (folder / "a+b.txt").write_text("")
    (folder / "ünï.html").write_text("<p>unclosed <b>things")
    documents = list(built(folder, tmp_path / "out", 1).documents())
    assert [each.id for each in documents] == ["page.-n-.html", "page.a-b.txt", "page.a-b.txt-2"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["documents"] == 3
