from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fakes import ManualClock
from vmhost.base.errors import Internal, InvalidInput, NotFound, Unavailable, Unsupported
from vmhost.control.cloud import KINDS
from vmhost.control.kind import Kind
from vmhost.control.resources import Resources
from vmhost.control.tags import TagService
from vmhost.store import MIGRATIONS, Key, Row, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A kind of resource that the platform does not have."""

    id: str
    size_gib: int
    generation: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)


VOLUMES = Kind(
    name="volume",
    record=Volume,
    table="volume",
    prefix="vol",
    noun="volume",
    not_found="InvalidVolume.NotFound",
    taggable=True,
    stamp=lambda former, changed, _: replace(changed, generation=former.generation + 1),
)
ONE = Volume(id="vol-01", size_gib=1)
TABLE = ("CREATE TABLE volume (id TEXT PRIMARY KEY, body TEXT NOT NULL)",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloud.sqlite"


def opened(path: Path) -> tuple[Store, Resources]:
    store = Store(path, migrations={**MIGRATIONS, max(MIGRATIONS) + 1: TABLE})
    return store, Resources(store, (*KINDS, VOLUMES), ManualClock())


def test_new_kind_is_stored_found_changed_and_tagged(path: Path) -> None:
    store, resources = opened(path)
    volumes = resources.table(VOLUMES)
    resources.commit([ONE])
    resources.commit([volumes.changed(ONE.id, size_gib=2)])
    TagService(resources, ()).add([ONE.id], {"team": "red"})
    store.close()
    store, resources = opened(path)
    assert resources.table(VOLUMES).get(ONE.id) == Volume(id=ONE.id, size_gib=2, generation=3, tags={"team": "red"})
    assert list(TagService(resources, ()).all()) == [("volume", ONE.id, {"team": "red"})]
    resources.commit(forget=[ONE])
    with pytest.raises(NotFound, match=r"The volume 'vol-01' does not exist") as missing:
        resources.table(VOLUMES).get(ONE.id)
    assert missing.value.code == "InvalidVolume.NotFound"
    store.close()


def test_listeners_see_new_and_former_record_after_the_commit(path: Path) -> None:
    store, resources = opened(path)
    volumes = resources.table(VOLUMES)
    seen: list[tuple[Volume, Volume | None]] = []
    volumes.listen(lambda changed, former: seen.append((volumes.get(changed.id), former)))
    other = replace(ONE, id="vol-02")
    resources.commit([ONE, other])
    changed = volumes.changed(ONE.id, size_gib=5)
    resources.commit([changed])
    assert seen == [(ONE, None), (other, None), (changed, ONE)]
    store.close()


class FullDisk(Store):
    """A store that refuses every write while `full`."""

    full = False

    def write(self, put: Iterable[Row] = (), forget: Iterable[Key] = ()) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        super().write(put, forget)


def test_observations_are_visible_at_once_and_saved_later(path: Path) -> None:
    store = FullDisk(path, migrations={**MIGRATIONS, max(MIGRATIONS) + 1: TABLE})
    resources = Resources(store, (VOLUMES,), ManualClock())
    volumes = resources.table(VOLUMES)
    resources.commit([ONE])
    store.full = True
    resources.observe(volumes.changed(ONE.id, size_gib=2))
    with pytest.raises(Unavailable):
        resources.commit([volumes.changed(ONE.id, size_gib=3)])
    assert volumes.get(ONE.id).size_gib == 2
    store.full = False
    resources.commit([replace(ONE, id="vol-02")])
    store.close()
    store, resources = opened(path)  # type: ignore[assignment]
    assert [volume.size_gib for volume in resources.table(VOLUMES)] == [2, 1]
    store.close()


def test_unreadable_record_is_named(path: Path) -> None:
    store, _ = opened(path)
    store.write([Row("volume", "vol-07", "{}")])
    store.close()
    with pytest.raises(Internal, match="vol-07"):
        opened(path)


def test_tags_of_unknown_resources_and_images_are_refused(path: Path) -> None:
    store, resources = opened(path)
    tags = TagService(resources, {"ami-00000001"})
    with pytest.raises(Unsupported, match="image ami-00000001"):
        tags.add(["ami-00000001"], {"a": "b"})
    with pytest.raises(NotFound):
        tags.add(["i-0ffffffffffffffff"], {"a": "b"})
    with pytest.raises(InvalidInput):
        tags.add(["nothing"], {"a": "b"})
    store.close()
